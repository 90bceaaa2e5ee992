"""Definitions of feature groups in SQL.

Creation and change are single statements that the database itself decides, by the unique index on
live names and by the revision in the WHERE clause; no look-up before them can go stale.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.exc import IntegrityError

from tandem.errors import TandemError
from tandem.model.feature_group import FeatureGroup
from tandem.registry.base import GroupRegistry
from tandem.registry.definitions import (
    by_name,
    group_id_taken,
    group_not_found,
    name_taken,
    revision_conflict,
)
from tandem.registry.sql.database import Database
from tandem.registry.sql.group_json import decode_group, encode_group
from tandem.registry.sql.tables import feature_groups

_columns = feature_groups.c
_is_live = _columns.deleted_at_us.is_(None)


class SqlGroupRegistry(GroupRegistry):
    """The part of the registry that keeps definitions."""

    _database: Database

    def add(self, group: FeatureGroup) -> None:
        try:
            with self._database.write() as connection:
                connection.execute(insert(feature_groups).values(_row(group)))
        except IntegrityError as error:
            raise self._why_not_added(group) from error

    def find(self, name: str) -> FeatureGroup | None:
        return self._one((_columns.name == name) & _is_live)

    def get(self, group_id: str) -> FeatureGroup | None:
        return self._one(_columns.group_id == group_id)

    def replace(self, group: FeatureGroup) -> None:
        is_predecessor = (_columns.group_id == group.group_id) & (
            _columns.revision == group.revision - 1
        )
        try:
            with self._database.write() as connection:
                changed = connection.execute(
                    update(feature_groups).where(is_predecessor).values(_row(group))
                )
                if changed.rowcount:
                    return
                stored_revision = connection.scalar(
                    select(_columns.revision).where(_columns.group_id == group.group_id)
                )
        except IntegrityError as error:
            raise name_taken(group) from error
        if stored_revision is None:
            raise group_not_found(group)
        raise revision_conflict(group, stored_revision)

    def groups(self, *, deleted: bool = False) -> Sequence[FeatureGroup]:
        wanted = ~_is_live if deleted else _is_live
        with self._database.read() as connection:
            documents = connection.scalars(select(_columns.definition).where(wanted)).all()
        return by_name(decode_group(document) for document in documents)

    def _one(self, condition: ColumnElement[bool]) -> FeatureGroup | None:
        with self._database.read() as connection:
            document = connection.scalar(select(_columns.definition).where(condition))
        return None if document is None else decode_group(document)

    def _why_not_added(self, group: FeatureGroup) -> TandemError:
        is_name_taken = group.deleted_at_us is None and self.find(group.name) is not None
        return name_taken(group) if is_name_taken else group_id_taken(group)


def _row(group: FeatureGroup) -> dict[str, Any]:
    return {
        "group_id": group.group_id,
        "name": group.name,
        "revision": group.revision,
        "deleted_at_us": group.deleted_at_us,
        "definition": encode_group(group),
    }
