"""Ctrl-C: held back where it would do harm, and obeyed soon everywhere else."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click

_GRACE_SECONDS = 2.0


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """An interrupt is raised at the end of the block: some extension modules abort the process
    when one comes while they are being imported.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def interrupts_obeyed() -> Iterator[None]:
    """An interrupt ends the block with KeyboardInterrupt, or else the process a little later.

    While a query engine computes, Python hears of a signal late; and the engine may raise an error
    of its own for it. To end at once is safe: a store survives it.
    """
    heard, is_over = threading.Event(), threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        heard.set()
        raise KeyboardInterrupt

    reading, writing = socket.socketpair()
    writing.setblocking(False)
    watcher = threading.Thread(target=_end_soon, args=(reading, is_over), daemon=True)
    handler = signal.signal(signal.SIGINT, interrupt)
    # The signal itself writes to the socket, whatever the interpreter is doing.
    descriptor = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    watcher.start()
    try:
        yield
    except Exception as error:
        if heard.is_set():
            raise KeyboardInterrupt from error
        raise
    finally:
        is_over.set()
        signal.set_wakeup_fd(descriptor)
        signal.signal(signal.SIGINT, handler)
        writing.close()


@contextmanager
def stops_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and SIGINT call `stop`, once; a second one ends the process at once."""
    heard = threading.Event()

    def hear(number: int, frame: FrameType | None) -> None:
        del frame
        if heard.is_set():
            os._exit(128 + number)
        heard.set()
        stop()

    numbers = (signal.SIGTERM, signal.SIGINT)
    handlers = {number: signal.signal(number, hear) for number in numbers}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _end_soon(signals: socket.socket, is_over: threading.Event) -> None:
    with signals:
        while number := signals.recv(1):
            if number[0] == signal.SIGINT and not is_over.wait(_GRACE_SECONDS):
                click.echo("\nAborted!", err=True)
                os._exit(1)
