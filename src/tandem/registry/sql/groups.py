"""Definitions of feature groups in SQL.

Every change is one writing transaction, which begins by moving the version of the definitions: that
row is locked until the commit, so changes come one after the other, in the order of their versions,
and what a transaction looks up is still true when it commits. Its last step is to put the version
on the stamp, by which all processes know that they must look.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from tandem.errors import TandemError
from tandem.model.feature_group import FeatureGroup
from tandem.registry.base import Changes, GroupRegistry
from tandem.registry.definitions import (
    alias_is_group,
    alias_not_found,
    alias_target_not_found,
    by_name,
    catalog_table,
    group_has_aliases,
    group_id_taken,
    group_not_found,
    name_is_alias,
    name_taken,
    revision_conflict,
    table_taken,
)
from tandem.registry.sql.database import Database
from tandem.registry.sql.group_json import decode_group, encode_group
from tandem.registry.sql.stamp import FileStamp
from tandem.registry.sql.tables import aliases, definitions_version, feature_groups

_columns = feature_groups.c
_is_live = _columns.deleted_at_us.is_(None)


class SqlGroupRegistry(GroupRegistry):
    """The part of the registry that keeps definitions."""

    _database: Database
    _file_stamp: FileStamp

    def add(self, group: FeatureGroup, *, is_table_new: bool = False) -> None:
        try:
            with self._change() as (connection, version):
                if _named_by(connection, group.name) is not None:
                    raise name_is_alias(group.name)
                if is_table_new and _is_table_taken(connection, group):
                    raise table_taken(group)
                connection.execute(insert(feature_groups).values(_row(group, version)))
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
            with self._change() as (connection, version):
                if group.deleted_at_us is not None:
                    _check_has_no_aliases(connection, group)
                changed = connection.execute(
                    update(feature_groups).where(is_predecessor).values(_row(group, version))
                )
                if not changed.rowcount:
                    raise _why_not_replaced(connection, group)
        except IntegrityError as error:
            raise name_taken(group) from error

    def groups(self, *, deleted: bool = False) -> Sequence[FeatureGroup]:
        wanted = ~_is_live if deleted else _is_live
        with self._database.read() as connection:
            documents = connection.scalars(select(_columns.definition).where(wanted)).all()
        return by_name(decode_group(document) for document in documents)

    def changes(self, after: int) -> Changes:
        changes = self._changes(after)
        if self._file_stamp.read() != changes.version:
            self._put_stamp_right()
        return changes

    def _changes(self, after: int) -> Changes:
        with self._database.read() as connection:
            version = _version(connection)
            if version == after:
                return Changes(version, (), None)
            documents = connection.scalars(
                select(_columns.definition).where(_columns.changed_at > after)
            ).all()
            rows = connection.execute(select(aliases)).all()
        groups = by_name(decode_group(document) for document in documents)
        return Changes(version, groups, {row.alias: row.group_name for row in rows})

    def set_alias(self, alias: str, group_name: str | None) -> None:
        with self._change() as (connection, _):
            removed = connection.execute(delete(aliases).where(aliases.c.alias == alias))
            if group_name is None:
                if not removed.rowcount:
                    raise alias_not_found(alias)
                return
            if _is_live_name(connection, alias):
                raise alias_is_group(alias)
            if not _is_live_name(connection, group_name):
                raise alias_target_not_found(group_name)
            connection.execute(insert(aliases).values(alias=alias, group_name=group_name))

    @contextmanager
    def _change(self) -> Iterator[tuple[Connection, int]]:
        """A writing transaction, and the version that its change gets."""
        with self._database.write() as connection:
            version = _next_version(connection)
            yield connection, version
            self._file_stamp.write(version)

    def _put_stamp_right(self) -> None:
        """Whoever has moved the stamp is about to commit, and writes at this moment; or is gone."""
        with self._database.write_if_free() as connection:
            if connection is not None:
                self._file_stamp.write(_version(connection))

    def _one(self, condition: ColumnElement[bool]) -> FeatureGroup | None:
        with self._database.read() as connection:
            document = connection.scalar(select(_columns.definition).where(condition))
        return None if document is None else decode_group(document)

    def _why_not_added(self, group: FeatureGroup) -> TandemError:
        is_name_taken = group.deleted_at_us is None and self.find(group.name) is not None
        return name_taken(group) if is_name_taken else group_id_taken(group)


def _version(connection: Connection) -> int:
    return int(connection.execute(select(definitions_version.c.version)).scalar_one())


def _next_version(connection: Connection) -> int:
    version = definitions_version.c.version
    moved = update(definitions_version).values(version=version + 1).returning(version)
    return int(connection.execute(moved).scalar_one())


def _named_by(connection: Connection, alias: str) -> str | None:
    return connection.scalar(select(aliases.c.group_name).where(aliases.c.alias == alias))


def _is_live_name(connection: Connection, name: str) -> bool:
    found = connection.scalar(select(_columns.group_id).where((_columns.name == name) & _is_live))
    return found is not None


def _is_table_taken(connection: Connection, group: FeatureGroup) -> bool:
    table = _table_key(group)
    if table is None:
        return False
    found = select(_columns.group_id).where(_columns.catalog_table == table).limit(1)
    return connection.scalar(found) is not None


def _table_key(group: FeatureGroup) -> str | None:
    table = catalog_table(group)
    return None if table is None else ".".join(table)


def _why_not_replaced(connection: Connection, group: FeatureGroup) -> TandemError:
    stored_revision = connection.scalar(
        select(_columns.revision).where(_columns.group_id == group.group_id)
    )
    if stored_revision is None:
        return group_not_found(group)
    return revision_conflict(group, stored_revision)


def _check_has_no_aliases(connection: Connection, group: FeatureGroup) -> None:
    found = connection.scalars(
        select(aliases.c.alias).where(aliases.c.group_name == group.name)
    ).all()
    if found:
        raise group_has_aliases(group, found)


def _row(group: FeatureGroup, version: int) -> dict[str, Any]:
    return {
        "changed_at": version,
        "group_id": group.group_id,
        "name": group.name,
        "revision": group.revision,
        "deleted_at_us": group.deleted_at_us,
        "catalog_table": _table_key(group),
        "definition": encode_group(group),
    }
