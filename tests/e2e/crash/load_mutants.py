"""Online stores with a bug each in what they do for loads, which the crash tests must find."""

import os
import time
from collections.abc import Callable, Sequence
from io import FileIO
from pathlib import Path
from typing import Any

import pyarrow as pa

from tandem.online.base import Mark, Outcome, Request, SegmentWrite
from tandem.online.lmdb import LmdbOnlineStore, staged_files

GAP = "TANDEM_TEST_GAP"
"""Names a file that appears when rows are committed and what they need is not there yet."""
GAP_SECONDS = 5.0
"""How long, so that who waits for the file may be late on a busy machine."""


class MarksInACommitOfTheirOwn(LmdbOnlineStore):
    """A load's mark comes after its rows: long after, so that a kill finds the time between."""

    def write(self, writes: Sequence[Request], clock: Callable[[], int]) -> list[Outcome]:
        marks = [one for one in writes if isinstance(one, Mark)]
        outcomes = super().write([one for one in writes if not isinstance(one, Mark)], clock)
        if 0 < len(marks) < len(writes):
            if gap := os.environ.get(GAP):
                Path(gap).touch()
                time.sleep(GAP_SECONDS)
            else:
                time.sleep(0.5)
        return outcomes + super().write(marks, clock)


class StagesWithoutSync(LmdbOnlineStore):
    """Rows of a load are named by the log before they are on disk."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        staged_files._write = _write_without_sync

    def write(self, writes: Sequence[Request], clock: Callable[[], int]) -> list[Outcome]:
        outcomes = super().write(writes, clock)
        if any(isinstance(one, SegmentWrite) for one in writes):
            Path(os.environ[GAP]).touch()
        return outcomes


def _write_without_sync(file: FileIO, rows: pa.Table) -> int:
    real, os.fsync = os.fsync, lambda _descriptor: None  # type: ignore[assignment]
    try:
        return _real_write(file, rows)
    finally:
        os.fsync = real


_real_write = staged_files._write
