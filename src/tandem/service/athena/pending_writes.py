"""Which files are being written by statements, so that no query sees a part of what one writes.

    note the statement's id ─► give its files their names ─► (change the catalog) ─► take the note away

Files of a statement have its id in front of their names, and readers of tables leave out those of
ids that are noted. A note that a crash left behind leads to its files, which are then deleted.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from tandem.errors import ResourceNotFound
from tandem.registry.base import DocumentRegistry
from tandem.service.athena.lake import FilePlace, Lake

_KIND = "athena-write"


class _Note(msgspec.Struct):
    """The files of a statement, as (bucket, key)."""

    files: list[FilePlace]


class PendingWrites:
    def __init__(self, registry: DocumentRegistry, lake: Lake) -> None:
        self._registry = registry
        self._lake = lake

    def prefixes(self) -> tuple[str, ...]:
        """What the names of files begin with that are not whole."""
        return tuple(self._registry.documents(_KIND))

    @contextmanager
    def noted(self, statement_id: str, files: Sequence[FilePlace]) -> Iterator[None]:
        """What is published within this is seen when it is left, all at once; or never, if it
        fails. Then the files are deleted.
        """
        content = msgspec.json.encode(_Note(list(files))).decode()
        self._registry.put_document(_KIND, statement_id, content, 0)
        try:
            yield
        except BaseException:
            self._undo(statement_id, files, 1)
            raise
        self._registry.remove_document(_KIND, statement_id, 1)

    def undo_interrupted(self) -> int:
        """Deletes what statements left behind that a crash cut short. None may run meanwhile."""
        notes = self._registry.documents(_KIND)
        for statement_id, note in notes.items():
            files = msgspec.json.decode(note.content, type=_Note).files
            self._undo(statement_id, files, note.revision)
        return len(notes)

    def _undo(self, statement_id: str, files: Sequence[FilePlace], revision: int) -> None:
        for file in files:
            try:
                self._lake.delete(file)
            except ResourceNotFound:
                continue  # its bucket went away, and so has the file
        self._registry.remove_document(_KIND, statement_id, revision)
