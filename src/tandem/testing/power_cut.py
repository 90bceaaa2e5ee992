"""A process that dies at a chosen step on disk, and a record of what had reached the disk by then.

Both watch the calls that change a file system: making folders, opening new files, writing, syncing,
renaming and removing. After the cut every further step fails too, so that no clean-up runs which a
dead process could not have run.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest


class PowerCut(BaseException):
    """Not an Exception: nothing may handle it and go on."""


@contextmanager
def power_cut_at(step: int) -> Iterator[list[str]]:
    """Lets `step` - 1 steps on disk pass and dies at the next. Yields the steps as they are taken.

    A cut inside a Parquet file leaves the first bytes of it behind.
    """
    steps: list[str] = []

    def dying(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            steps.append(name)
            if len(steps) >= step:
                if name == "write":
                    arguments[1].write(b"PAR1 and then the lights went out")
                raise PowerCut(name)
            return call(*arguments, **options)

        return run

    with pytest.MonkeyPatch.context() as patch:
        for name in ("mkdir", "replace", "fsync", "unlink"):
            patch.setattr(os, name, dying(name, getattr(os, name)))
        patch.setattr(pq, "write_table", dying("write", pq.write_table))
        yield steps


class DiskRecord:
    """What a power cut would leave: a file whose bytes, and all of whose names, were synced.

    A name is an entry of its folder, so it is on disk when the folder was synced after the entry
    was made. What was there before the record begins counts as not synced.
    """

    def __init__(self) -> None:
        self._synced_bytes: set[str] = set()
        self._entries_on_disk: set[str] = set()
        self._paths: dict[int, str] = {}
        self.renamed_unsynced: list[str] = []

    @contextmanager
    def recording(self) -> Iterator[None]:
        real_open, real_fsync, real_replace = os.open, os.fsync, os.replace

        def open_one(path: Any, *arguments: Any, **options: Any) -> int:
            descriptor = real_open(path, *arguments, **options)
            self._paths[descriptor] = os.fspath(path)
            return descriptor

        def fsync(descriptor: int) -> None:
            real_fsync(descriptor)
            path = self._paths[descriptor]
            if Path(path).is_dir():
                self._entries_on_disk.update(str(entry) for entry in Path(path).iterdir())
            else:
                self._synced_bytes.add(path)

        def replace(source: Any, target: Any, **options: Any) -> None:
            real_replace(source, target, **options)
            old, new = os.fspath(source), os.fspath(target)
            if old not in self._synced_bytes:
                self.renamed_unsynced.append(new)
            self._synced_bytes.discard(old)
            self._synced_bytes.add(new)
            self._entries_on_disk.discard(new)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "open", open_one)
            patch.setattr(os, "fsync", fsync)
            patch.setattr(os, "replace", replace)
            yield

    def missing(self, path: Path, root: Path) -> list[Path]:
        """What of `path`, below `root`, would be gone after a power cut now."""
        names = [path, *path.parents]
        gone = [
            step for step in names[: names.index(root)] if str(step) not in self._entries_on_disk
        ]
        return gone if str(path) in self._synced_bytes else [path, *gone]
