"""What statements are writing, so that no query sees a part of what one writes.

    note the id ─► give the files their names ─► (make the table) ─► take the note away

Files of a statement have its id in front of their names, and readers of tables leave out those of
ids that are noted; so they do with the table that it makes. A note that a crash left behind leads
to what must go.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple

import msgspec

from tandem.errors import ResourceNotFound
from tandem.model.catalog import CatalogTable
from tandem.registry.base import DocumentRegistry
from tandem.service.athena.lake import FilePlace, Lake, Location
from tandem.service.catalog import Catalog
from tandem.service.compare_and_set import Overtaken
from tandem.service.presence import Presence
from tandem.service.typed_documents import TypedDocuments

MADE_BY = "presto_query_id"
"""The parameter of a table that names the statement which made it, as Athena's tables have it."""
_KIND = "athena-write"


class TableName(NamedTuple):
    database: str
    name: str


class Note(NamedTuple):
    """`table` is one that the statement makes."""

    statement_id: str
    files: Sequence[FilePlace]
    table: TableName | None = None


class _OwnedNote(msgspec.Struct, frozen=True):
    """A note, and the process whose statement it is of."""

    owner: str
    note: Note


class PendingWrites:
    def __init__(
        self, registry: DocumentRegistry, catalog: Catalog, lake: Lake, presence: Presence
    ) -> None:
        self._notes = TypedDocuments(registry, _OwnedNote, "a note of a statement's files")
        self._catalog = catalog
        self._lake = lake
        self._presence = presence

    def statement_ids(self) -> tuple[str, ...]:
        """Those whose files and tables are not whole."""
        return tuple(self._notes.all(_KIND))

    def is_being_made(self, table: CatalogTable) -> bool:
        maker = table.parameters.get(MADE_BY)
        return maker is not None and self._notes.find(_KIND, maker) is not None

    def has_others(self, note: Note, location: Location) -> bool:
        """Whether another statement is noted with a file below a location."""
        return any(
            file.bucket == location.bucket and file.key.startswith(location.folder)
            for statement_id, stored in self._notes.all(_KIND).items()
            if statement_id != note.statement_id
            for file in stored.value.note.files
        )

    @contextmanager
    def noted(self, note: Note) -> Iterator[None]:
        """What is published within this is seen when it is left, all at once; or never, if it
        fails. Then it is deleted.
        """
        self._notes.put(_KIND, note.statement_id, _OwnedNote(self._presence.owner, note), 0)
        try:
            yield
        except BaseException:
            self._undo(note)
            raise
        self._notes.remove(_KIND, note.statement_id, 1)

    def undo_interrupted(self) -> int:
        """Deletes what statements of processes that are gone left behind; returns how many."""
        left = [
            stored.value.note
            for stored in self._notes.all(_KIND).values()
            if not self._presence.is_alive(stored.value.owner)
        ]
        for note in left:
            self._undo(note)
        return len(left)

    def _undo(self, note: Note) -> None:
        if note.table is not None:
            with suppress(ResourceNotFound):
                table = self._catalog.table(*note.table)
                if table.parameters.get(MADE_BY) == note.statement_id:
                    self._catalog.delete_table(*note.table)
        for file in note.files:
            with suppress(ResourceNotFound):  # where its bucket went away, so has the file
                self._lake.delete(file)
        with suppress(Overtaken):  # another process has done it
            self._notes.remove(_KIND, note.statement_id, 1)
