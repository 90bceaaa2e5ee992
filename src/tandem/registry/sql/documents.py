"""Documents in SQL: a change is one statement, whose WHERE clause holds the expected revision."""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, and_, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from tandem.registry.base import Document, DocumentRegistry
from tandem.registry.definitions import document_conflict
from tandem.registry.sql.database import Database
from tandem.registry.sql.tables import documents

_columns = documents.c


class SqlDocumentRegistry(DocumentRegistry):
    """The part of the registry that keeps documents."""

    _database: Database

    def document(self, kind: str, name: str) -> Document | None:
        with self._database.read() as connection:
            found = connection.execute(
                select(_columns.content, _columns.revision).where(_is(kind, name))
            ).one_or_none()
        return None if found is None else Document(found.content, found.revision)

    def documents(self, kind: str) -> Mapping[str, Document]:
        with self._database.read() as connection:
            rows = connection.execute(select(documents).where(_columns.kind == kind)).all()
        # Sorted here and not by the database, whose collation may differ from one to the next.
        return {
            row.name: Document(row.content, row.revision)
            for row in sorted(rows, key=lambda row: row.name)
        }

    def put_document(self, kind: str, name: str, content: str, expected: int) -> None:
        values = {"content": content, "revision": expected + 1}
        with self._database.write() as connection:
            if expected:
                changed = connection.execute(
                    update(documents).where(_is(kind, name, expected)).values(values)
                )
                if not changed.rowcount:
                    raise document_conflict(kind, name, expected)
                return
            try:
                connection.execute(insert(documents).values(kind=kind, name=name, **values))
            except IntegrityError:
                raise document_conflict(kind, name, expected) from None

    def remove_document(self, kind: str, name: str, expected: int) -> None:
        with self._database.write() as connection:
            removed = connection.execute(delete(documents).where(_is(kind, name, expected)))
        if not removed.rowcount and (expected or self.document(kind, name) is not None):
            raise document_conflict(kind, name, expected)


def _is(kind: str, name: str, revision: int | None = None) -> ColumnElement[bool]:
    named = and_(_columns.kind == kind, _columns.name == name)
    return named if revision is None else and_(named, _columns.revision == revision)
