"""`tandem stream`: messages of Kafka and Kinesis become records, until it is stopped."""

import json
import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live

from tandem.cli.interrupts import stops_on_signals
from tandem.cli.output import print_line
from tandem.cli.store_option import with_store
from tandem.sdk.store import FeatureStore
from tandem.sdk.tables import Table, styled
from tandem.streams import Stream, StreamStatus, read_stream_file
from tandem.streams.base import Lag


@click.command()
@click.argument("file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--once", is_flag=True, help="Stop when everything that is there has been read.")
@click.option(
    "--check", is_flag=True, help="Check the file, the source and the store; read no message."
)
@click.option(
    "--every",
    type=click.FloatRange(0.1, 3_600),
    default=5.0,
    show_default=True,
    help="Seconds from one line about the stream to the next.",
)
@with_store(ends_at_interrupts=False)
def stream(
    store: FeatureStore, as_json: bool, file: Path, once: bool, check: bool, every: float
) -> None:
    """Write what Kafka's or Kinesis' messages say, each once.

    FILE is YAML that says where messages come from and what they mean. SIGTERM and Ctrl-C stop it:
    what is in hand is written, and the same command goes on behind it.
    """
    running = Stream(store, read_stream_file(file))
    if check:
        _print(running.check(), as_json)
        return
    with stops_on_signals(running.stop), _Reports(running.status, as_json, every):
        running.run(until_caught_up=once)
    _print(running.status(), as_json)


def _print(status: StreamStatus, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(status.as_json()))
    else:
        print_line(_line(status))


class _Reports:
    """Prints how the stream is doing, again and again: a table that stays in its place on a
    terminal, else a line each.
    """

    def __init__(
        self, status: Callable[[], StreamStatus], as_json: bool, every_seconds: float
    ) -> None:
        self._status = status
        self._as_json = as_json
        self._every_seconds = every_seconds
        self._is_over = threading.Event()
        is_terminal = sys.stdout.isatty() and not as_json
        self._live = Live(console=Console(), transient=True) if is_terminal else None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        with self._live or nullcontext():
            seconds = min(self._every_seconds, 1.0) if self._live else self._every_seconds
            while not self._is_over.wait(seconds):
                if self._live is not None:
                    status = self._status()
                    self._live.update(styled(_table(status), self._live.console.width))
                else:
                    _print(self._status(), self._as_json)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()


def _line(status: StreamStatus) -> str:
    said = [
        f"{status.messages:,} messages",
        f"{status.records:,} records",
        f"{status.messages_per_second:,.0f}/s",
    ]
    if status.passed_over:
        said.append(f"{status.passed_over:,} passed over")
    if status.dead_letters:
        said.append(f"{status.dead_letters:,} dead letters")
    if status.behind_milliseconds is not None:
        said.append(f"{status.behind_milliseconds / 1e3:,.1f} s behind")
    elif status.behind is not None:
        said.append(f"{status.behind:,} behind")
    if status.last_error is not None:
        said.append(f"trying again: {status.last_error}")
    return f"{status.stream}: {', '.join(said)}"


def _table(status: StreamStatus) -> Table:
    rows = [
        (partition, one.position, _lag_text(one.lag))
        for partition, one in status.partitions.items()
    ]
    return Table(columns=("partition", "position", "behind"), rows=rows, title=_line(status))


def _lag_text(lag: Lag) -> str:
    if lag.milliseconds is not None:
        return f"{lag.milliseconds / 1e3:,.1f} s"
    return "?" if lag.messages is None else f"{lag.messages:,}"
