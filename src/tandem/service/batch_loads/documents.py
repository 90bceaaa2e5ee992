"""Batch loads as documents of the registry: they outlive their process, and the oldest go.

A load's list of files is a document of its own, since it may be long and never changes.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tandem.errors import ConflictError, ResourceNotFound
from tandem.model.batch_load import BatchLoad, ListedFile
from tandem.registry.base import DocumentRegistry
from tandem.service.batch_loads.failed_rows import FailedRows
from tandem.service.compare_and_set import until_unopposed
from tandem.service.typed_documents import TypedDocuments

_KIND = "batch-load"
_FILES_KIND = "batch-load-files"


@dataclass(frozen=True, slots=True)
class OwnedLoad:
    """A load and the process that does it."""

    load: BatchLoad
    owner: str


@dataclass(frozen=True, slots=True)
class _Files:
    files: tuple[ListedFile, ...]


Change = Callable[[OwnedLoad], OwnedLoad]


class LoadDocuments:
    """At most `kept_max` loads that are over are kept. Safe to use from many threads.

    folder    where each load has a folder for the rows that it leaves out
    """

    def __init__(self, registry: DocumentRegistry, folder: Path, kept_max: int) -> None:
        self._loads = TypedDocuments(registry, OwnedLoad, "a batch load")
        self._files = TypedDocuments(registry, _Files, "the files of a batch load")
        self._folder = folder
        self._kept_max = kept_max

    def add(self, owned: OwnedLoad, files: tuple[ListedFile, ...]) -> None:
        # The files first: who finds the load finds them, too.
        self._files.put(_FILES_KIND, owned.load.batch_load_id, _Files(files), 0)
        self._loads.put(_KIND, owned.load.batch_load_id, owned, 0)

    def find(self, load_id: str) -> OwnedLoad:
        """Raises ResourceNotFound."""
        stored = self._loads.find(_KIND, load_id)
        if stored is None:
            raise _not_found(load_id)
        return stored.value

    def files(self, load_id: str) -> tuple[ListedFile, ...]:
        """Raises ResourceNotFound."""
        stored = self._files.find(_FILES_KIND, load_id)
        if stored is None:
            raise _not_found(load_id)
        return stored.value.files

    def all(self) -> Sequence[OwnedLoad]:
        """All loads, the newest first."""
        found = [stored.value for stored in self._loads.all(_KIND).values()]
        return sorted(found, key=lambda one: position(one.load), reverse=True)

    def change(self, load_id: str, change: Change) -> OwnedLoad:
        """Stores what `change` makes of a load, and returns it. Raises ResourceNotFound, and what
        `change` raises.
        """

        def attempt() -> OwnedLoad:
            stored = self._loads.find(_KIND, load_id)
            if stored is None:
                raise _not_found(load_id)
            changed = change(stored.value)
            if changed != stored.value:
                self._loads.put(_KIND, load_id, changed, stored.revision)
            return changed

        return until_unopposed(f"batch load {load_id}", attempt)

    def failed_rows(self, load_id: str) -> FailedRows:
        return FailedRows(self.failed_folder(load_id))

    def failed_folder(self, load_id: str) -> Path:
        return self._folder / load_id

    def trim(self) -> None:
        """Takes the oldest loads that are over away, where there are too many."""
        over = [one.load.batch_load_id for one in self.all() if one.load.status.is_over]
        for load_id in over[self._kept_max :]:
            self.failed_rows(load_id).remove()
            with suppress(ConflictError):  # another process takes it away
                self._loads.remove_one(_KIND, load_id)
                self._files.remove_one(_FILES_KIND, load_id)


def position(load: BatchLoad) -> tuple[int, str]:
    """Where a load is in the order of time."""
    return load.created_at_us, load.batch_load_id


def _not_found(load_id: str) -> ResourceNotFound:
    return ResourceNotFound(f"there is no batch load with the id {load_id[:64]!r}")
