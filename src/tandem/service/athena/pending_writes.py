"""Which files are being written by statements, so that no query sees a part of what one writes.

    note the id ─► give the files their names ─► (change the catalog) ─► take the note away

Files of a statement have its id in front of their names, and readers of tables leave out those of
ids that are noted. A note that a crash left behind leads to its files, which are then deleted.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import msgspec

from tandem.errors import ResourceNotFound
from tandem.registry.base import DocumentRegistry
from tandem.service.athena.lake import FilePlace, Lake
from tandem.service.athena.presence import Presence
from tandem.service.typed_documents import Overtaken, TypedDocuments

_KIND = "athena-write"


class _Note(msgspec.Struct, frozen=True):
    """The files of a statement, and the process that writes them."""

    owner: str
    files: Sequence[FilePlace]


class PendingWrites:
    def __init__(self, registry: DocumentRegistry, lake: Lake, presence: Presence) -> None:
        self._notes = TypedDocuments(registry, _Note, "a note of a statement's files")
        self._lake = lake
        self._presence = presence

    def prefixes(self) -> tuple[str, ...]:
        """What the names of files begin with that are not whole."""
        return tuple(self._notes.all(_KIND))

    @contextmanager
    def noted(self, statement_id: str, files: Sequence[FilePlace]) -> Iterator[None]:
        """What is published within this is seen when it is left, all at once; or never, if it
        fails. Then the files are deleted.
        """
        note = _Note(self._presence.owner, files)
        self._notes.put(_KIND, statement_id, note, 0)
        try:
            yield
        except BaseException:
            self._undo(statement_id, note)
            raise
        self._notes.remove(_KIND, statement_id, 1)

    def undo_interrupted(self) -> int:
        """Deletes what statements of processes that are gone left behind; returns how many."""
        left = {
            statement_id: stored.value
            for statement_id, stored in self._notes.all(_KIND).items()
            if not self._presence.is_alive(stored.value.owner)
        }
        for statement_id, note in left.items():
            self._undo(statement_id, note)
        return len(left)

    def _undo(self, statement_id: str, note: _Note) -> None:
        for file in note.files:
            with suppress(ResourceNotFound):  # where its bucket went away, so has the file
                self._lake.delete(file)
        with suppress(Overtaken):  # another process has done it
            self._notes.remove(_KIND, statement_id, 1)
