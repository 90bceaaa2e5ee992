"""How the processes of a server are, as the one that keeps them running says in a file.

A worker reads it when it is asked, so that each of them gives the same answer.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from tandem.errors import StoreUnavailable
from tandem.server.companion import Companion

_LOOK_SECONDS = 0.05
_SECONDS_TO_READY_MAX = 10.0


class OneProcess(msgspec.Struct, frozen=True):
    """`starts` counts the processes there have been; `problem` says why none runs now."""

    pid: int | None
    is_ready: bool
    starts: int
    problem: str | None


class ProcessStatus(msgspec.Struct, frozen=True):
    """The workers, in the order of their numbers, and the other processes by name."""

    workers: tuple[OneProcess, ...]
    others: dict[str, OneProcess]


_decode = msgspec.json.Decoder(ProcessStatus).decode


def read_status(path: Path) -> ProcessStatus:
    """Raises StoreUnavailable where somebody has taken the file away."""
    try:
        return _decode(path.read_bytes())
    except (OSError, msgspec.MsgspecError) as error:
        raise StoreUnavailable(
            f"how the processes of the server are cannot be read from {path} ({error}): start it"
            " again, and leave its files in the folder for temporary ones alone"
        ) from error


class StatusFile:
    """Keeps the file at `path` true."""

    def __init__(
        self, path: Path, workers: Sequence[Companion], others: Mapping[str, Companion]
    ) -> None:
        self._path = path
        self._workers = workers
        self._others = others
        self._written: ProcessStatus | None = None
        self._starts: dict[int, tuple[int | None, int]] = {}
        self.write()

    async def keep(self) -> None:
        """Goes on until it is cancelled."""
        while True:
            self.write()
            await asyncio.sleep(_LOOK_SECONDS)

    def write(self) -> None:
        status = ProcessStatus(
            tuple(self._of(one) for one in self._workers),
            {name: self._of(one) for name, one in self._others.items()},
        )
        if status != self._written:
            partial = self._path.with_suffix(".partial")
            partial.write_bytes(msgspec.json.encode(status))
            partial.replace(self._path)
            self._written = status

    def _of(self, companion: Companion) -> OneProcess:
        pid, starts = self._starts.get(id(companion), (None, 0))
        if companion.pid != pid:
            pid, starts = companion.pid, starts + 1
            self._starts[id(companion)] = (pid, starts)
        return OneProcess(pid, companion.is_ready, starts, companion.problem)


class Sibling:
    """A process beside a worker, which the server keeps running for all of them."""

    def __init__(self, name: str, socket: Path, status: Path) -> None:
        self._name = name
        self._socket = socket
        self._status = status

    @property
    def socket(self) -> Path:
        return self._socket

    @property
    def problem(self) -> str | None:
        try:
            return self._seen().problem
        except StoreUnavailable as error:
            return str(error)

    @property
    def is_ready(self) -> bool:
        """Raises StoreUnavailable where nobody can tell."""
        return self._seen().is_ready

    @property
    def is_ending(self) -> bool:
        return False  # the workers end first

    def start(self) -> None:
        """The server has started it."""

    def expect_end(self) -> None:
        """The server does."""

    def end(self) -> None:
        """The server ends it."""

    def wait_until_ready(self) -> None:
        """Raises StoreUnavailable where that takes too long."""
        deadline = time.monotonic() + _SECONDS_TO_READY_MAX
        while not self.is_ready:
            if time.monotonic() > deadline:
                raise StoreUnavailable(f"the {self._name} has not started yet: try again")
            time.sleep(_LOOK_SECONDS)

    def _seen(self) -> OneProcess:
        return read_status(self._status).others[self._name]
