"""Connections, handed by the process that listens to those that answer.

    listener ─► Distribution ── a connection's descriptor ──► HandedOver ─► the server's protocol
                     ▲                                            │
                     └──── how many it has taken, and has open ◄──┘     over a socket of the two

* A connection goes to the worker that has the fewest open. Clients keep few connections, for long:
  to leave them to chance, or to whoever is faster, would let one worker do most of the work. Ends
  of connections count a while later: when a client closes all and opens as many, the worker that is
  the first to notice must not get most of them.
* One that is handed over is answered, also by a worker that is about to stop: it takes no more, but
  all that were on their way.
* Who does not take what it was handed gets no more, as long as others do.
* Where no worker can take a connection, it waits, and those behind it wait in the listener.
"""

import asyncio
import itertools
import logging
import socket
import struct
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

_log = logging.getLogger("tandem.server")
_REPORT = struct.Struct("<QQ")
"""Connections that a worker has ever taken, and those that it has open now."""
_LOOK_SECONDS = 0.02
_PAUSE_SECONDS = 0.5
_STUCK_SECONDS = 1.0
_SETTLE_SECONDS = 1.0
_AT_A_TIME = 16
_CONNECTION = b"c"
_REPORTS_BYTES = _REPORT.size * 64


class _Worker:
    """One worker, as the process that listens sees it.

    channel   leads to it while it runs
    load      the connections that it has, or is about to have, as of lately
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.channel: socket.socket | None = None
        self._handed = 0
        self._taken = 0
        self._open = 0
        self._waits_since: float | None = None
        self.load = 0

    def settle(self) -> None:
        """Lets the ends of connections count."""
        self.load = self._open + self._handed - self._taken

    @property
    def is_stuck(self) -> bool:
        """Whether it has not taken a connection for longer than any request should hold it up."""
        since = self._waits_since
        return since is not None and time.monotonic() - since > _STUCK_SECONDS

    def hand(self, connection: socket.socket) -> bool:
        """Whether the worker gets the connection."""
        if self.channel is None:
            return False
        try:
            socket.send_fds(self.channel, [_CONNECTION], [connection.fileno()])
        except OSError:  # it is gone, or takes none at the moment
            return False
        self._handed += 1
        self.load += 1
        if self._waits_since is None:
            self._waits_since = time.monotonic()
        return True

    async def follow(self, changed: Callable[[], None]) -> None:
        """Keeps the channel to the worker, and to the one that replaces it, until cancelled."""
        while True:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
                channel.setblocking(False)
                if await self._connected(channel):
                    self._handed, self._taken, self._open = 0, 0, 0
                    self.channel, self._waits_since = channel, None
                    self.load = 0
                    changed()
                    try:
                        await self._read_reports(channel)
                    finally:
                        self.channel = None
            await asyncio.sleep(_LOOK_SECONDS)

    async def _connected(self, channel: socket.socket) -> bool:
        try:
            await asyncio.get_running_loop().sock_connect(channel, str(self.path))
        except OSError:  # it has not started yet
            return False
        return True

    async def _read_reports(self, channel: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        read = b""
        with suppress(OSError):
            while data := await loop.sock_recv(channel, _REPORTS_BYTES):
                read += data
                whole = len(read) // _REPORT.size * _REPORT.size
                if whole:
                    self._taken, self._open = _REPORT.unpack_from(read, whole - _REPORT.size)
                    read = read[whole:]
                    self._waits_since = None if self._taken == self._handed else time.monotonic()


class Distribution:
    """Hands the connections that come to `listener` to the workers behind the sockets `paths`."""

    def __init__(self, listener: socket.socket, paths: Sequence[Path]) -> None:
        self._listener = listener
        self._listener.setblocking(False)
        self._workers = [_Worker(path) for path in paths]
        self._reached = asyncio.Event()

    async def reached(self) -> None:
        """Waits until each worker was there at least once."""
        await self._reached.wait()

    async def run(self) -> None:
        """Goes on until it is cancelled."""
        missing = set(self._workers)

        def found(worker: _Worker) -> None:
            missing.discard(worker)
            if not missing:
                self._reached.set()

        async with asyncio.TaskGroup() as tasks:
            for worker in self._workers:
                tasks.create_task(worker.follow(lambda worker=worker: found(worker)))  # type: ignore[misc]
            tasks.create_task(self._accept())
            tasks.create_task(self._settle())

    async def _settle(self) -> None:
        while True:
            await asyncio.sleep(_SETTLE_SECONDS)
            for worker in self._workers:
                worker.settle()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            there_are_some = loop.create_future()
            loop.add_reader(self._listener, _set, there_are_some)
            try:
                await there_are_some
            finally:
                loop.remove_reader(self._listener)
            await self._take_all()

    async def _take_all(self) -> None:
        """Takes what waits in the listener, one after the other."""
        for count in itertools.count(1):
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:
                return
            except ConnectionError:  # the client has gone already
                continue
            except OSError as error:  # too many files are open, for instance
                _log.error("a connection cannot be taken: %s", error)
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            with connection:
                while not self._handed(connection):
                    await asyncio.sleep(_LOOK_SECONDS)
            if count % _AT_A_TIME == 0:
                await asyncio.sleep(0)  # the workers' reports are read, too

    def _handed(self, connection: socket.socket) -> bool:
        # Sorting keeps the order of equals: whoever got the last one comes last.
        for worker in sorted(self._workers, key=lambda one: (one.is_stuck, one.load)):
            if worker.hand(connection):
                self._workers.remove(worker)
                self._workers.append(worker)
                return True
        return False


def _set(there_are_some: "asyncio.Future[None]") -> None:
    if not there_are_some.done():
        there_are_some.set_result(None)


MakeProtocol = Callable[[], asyncio.Protocol]


class HandedOver:
    """The connections that a worker gets; `listener` is where the process that listens comes to."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._listener.setblocking(False)
        self._channel: socket.socket | None = None
        self._reported = (0, 0)
        self._taken = 0
        self._opening: set[asyncio.Task[None]] = set()
        self._make_protocol: MakeProtocol | None = None

    def begin(self, make_protocol: MakeProtocol) -> None:
        """Takes connections from now on, in the running loop."""
        self._make_protocol = make_protocol
        asyncio.get_running_loop().add_reader(self._listener, self._take_channel)

    def report(self, connections: int) -> None:
        """Says how many are open. To be called again and again."""
        report = (self._taken, connections)
        if self._channel is not None and report != self._reported:
            with suppress(OSError):  # who does not read it now gets the next one
                if self._channel.send(_REPORT.pack(*report)) == _REPORT.size:
                    self._reported = report

    async def end(self) -> None:
        """Takes what is on its way, and nothing after that."""
        if self._listener.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
        if self._channel is not None:
            with suppress(OSError):
                self._channel.shutdown(socket.SHUT_RD)
            while self._take_connection():  # until there is nothing left in it
                pass
            await asyncio.gather(*self._opening)

    def _take_channel(self) -> None:
        with suppress(BlockingIOError):
            channel, _ = self._listener.accept()
            self._drop_channel()
            channel.setblocking(False)
            self._channel = channel
            self._reported = (0, 0)
            asyncio.get_running_loop().add_reader(channel, self._take_connection)

    def _take_connection(self) -> bool:
        """Whether there may be more of them."""
        assert self._channel is not None
        try:
            # One byte stands for one connection, and the system does not read beyond it.
            data, descriptors, _, _ = socket.recv_fds(self._channel, 1, 1)
        except BlockingIOError:
            return True
        except OSError:
            data, descriptors = b"", []
        if not data:
            self._drop_channel()
            return False
        self._taken += 1  # also one that is lost, since too many files are open
        for descriptor in descriptors:
            connection = socket.socket(fileno=descriptor)
            task = asyncio.get_running_loop().create_task(self._open(connection))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)
        return True

    async def _open(self, connection: socket.socket) -> None:
        assert self._make_protocol is not None
        connection.setblocking(False)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._make_protocol, connection
            )
        except OSError:  # the client has gone already
            connection.close()

    def _drop_channel(self) -> None:
        if self._channel is not None:
            asyncio.get_running_loop().remove_reader(self._channel)
            self._channel.close()
            self._channel = None
