"""The data catalog: databases, tables and views in them, partitions of tables.

What users made is kept as documents of the registry, changed by compare-and-set; the histories of
feature groups are tables without being stored (`service/history_tables.py`).

* Names are compared in lower case.
* What a database or a table holds is found by an id that is never used twice, so nothing of a
  dropped one is in a new one of its name.
* The databases `default` and `sagemaker_featurestore` always exist, and so does one that a feature
  group says its table is in. Once it has another table, it stays when the group's is dropped.
"""

import re
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from tandem.errors import (
    ConflictError,
    ResourceInUse,
    ResourceNotFound,
    ValidationError,
)
from tandem.model.catalog import (
    CatalogDatabase,
    CatalogPartition,
    CatalogTable,
    check_database,
    check_table,
    folded,
    with_folded_names,
)
from tandem.registry.base import DocumentRegistry
from tandem.service.clock import Clock
from tandem.service.compare_and_set import Overtaken, until_unopposed
from tandem.service.history_tables import HistoryTables
from tandem.service.placement import DATABASE
from tandem.service.table_partitions import PartitionFailure, TablePartitions
from tandem.service.typed_documents import Stored, TypedDocuments

DEFAULT_DATABASE = "default"
TABLE_VERSIONS_MAX = 100
"""So many versions of a table are kept: the current one and those before it."""
_DATABASES = "catalog-database"
_ALWAYS_THERE = {
    DEFAULT_DATABASE: "Tables that say no other database",
    DATABASE: "Histories of feature groups",
}
_ID_BYTES = 12
_HIVES_STAR = re.compile(r"(?<![.)\]\\])\*")
"""A star that is no quantifier of what a regular expression may repeat but a name's character."""


class Catalog:
    """All raise ValidationError, ResourceNotFound for a database, a table or a partition that is
    not there, and ConflictError where others change it all the time.
    """

    def __init__(self, registry: DocumentRegistry, history: HistoryTables, clock: Clock) -> None:
        self._databases = TypedDocuments(registry, CatalogDatabase, "a database")
        self._tables = TypedDocuments(registry, CatalogTable, "a table")
        self._partitions = TablePartitions(registry, history, clock)
        self._history = history
        self._clock = clock

    # Databases

    def databases(self) -> Sequence[CatalogDatabase]:
        """All databases, by name."""
        stored = self._databases.all(_DATABASES)
        names = {*stored, *_ALWAYS_THERE, *self._history.databases()}
        return [stored[name].value if name in stored else _implied(name) for name in sorted(names)]

    def database(self, name: str) -> CatalogDatabase:
        return self._database(name).value

    def create_database(self, database: CatalogDatabase) -> CatalogDatabase:
        """Raises ResourceInUse where there is a database of this name."""
        check_database(database)
        name = folded(database.name)
        made = replace(database, name=name, created_at_us=self._clock(), database_id=_new_id())
        if name in _ALWAYS_THERE or self._history.has_any(name):
            raise _exists(f"a database {name!r}")
        try:
            self._databases.put(_DATABASES, name, made, 0)
        except ConflictError:
            raise _exists(f"a database {name!r}") from None
        return made

    def update_database(self, name: str, database: CatalogDatabase) -> CatalogDatabase:
        """Replaces what is said of a database. Its name and its tags stay."""
        check_database(database)
        if folded(database.name) != folded(name):
            raise ValidationError(
                f"database {name!r} cannot be renamed to {database.name!r}: create another one"
            )
        return self._change_database(
            name,
            lambda before: replace(
                database,
                name=before.name,
                tags=before.tags,
                created_at_us=before.created_at_us,
                database_id=before.database_id,
            ),
        )

    def tag_database(self, name: str, tags: Mapping[str, str]) -> None:
        self._change_database(name, lambda before: replace(before, tags={**before.tags, **tags}))

    def untag_database(self, name: str, keys: Collection[str]) -> None:
        """Removes tags; keys that the database does not have are passed over."""

        def rule(before: CatalogDatabase) -> CatalogDatabase:
            rest = {key: value for key, value in before.tags.items() if key not in keys}
            return replace(before, tags=rest)

        self._change_database(name, rule)

    def delete_database(self, name: str) -> None:
        """Deletes a database with the tables in it, which are descriptions: no data is deleted.

        Raises ValidationError where it always exists, or has a feature group's table.
        """

        def change() -> CatalogDatabase:
            found = self._database(name)
            if found.value.name in _ALWAYS_THERE:
                raise ValidationError(f"database {name!r} is part of every store: it stays")
            if self._history.has_any(found.value.name):
                raise ValidationError(
                    f"database {name!r} has the tables of feature groups: delete those tables first"
                )
            self._databases.remove(_DATABASES, found.value.name, found.revision)
            return found.value

        gone = until_unopposed(f"database {name!r}", change)
        for table in self._tables.all(_tables_of(gone)).values():
            self._forget_parts(table.value)
        self._tables.remove_all(_tables_of(gone))

    # Tables

    def tables(self, database: str, pattern: str | None = None) -> Sequence[CatalogTable]:
        """The tables and views in a database, by name; where a pattern is given, those whose whole
        names match it: a regular expression in RE2's syntax, in which a star behind a character of
        a name stands for anything, as in Hive.
        """
        found = self.database(database)
        stored = {name: table.value for name, table in self._tables.all(_tables_of(found)).items()}
        histories = {table.name: table for table in self._history.tables(found.name)}
        tables = [table for _, table in sorted({**stored, **histories}.items())]
        return tables if pattern is None else _matching(tables, pattern)

    def table(self, database: str, name: str) -> CatalogTable:
        found = self.database(database)
        history = self._history.find(found.name, folded(name))
        return history or self._stored_table(found, name).value

    def create_table(self, table: CatalogTable) -> CatalogTable:
        """Makes a table or a view. One that was the dropped table of a feature group, and has its
        location, is that again. Raises ResourceInUse where there is one of this name.
        """
        check_table(table)
        new = with_folded_names(table)
        database = self.database(new.database)
        if self._history.find(new.database, new.name) is not None:
            raise _exists(f"a table {new.database}.{new.name}")
        if self._history.restore(new):
            return self.table(new.database, new.name)
        self._keep(database)
        now_us = self._clock()
        made = replace(
            new,
            group_id=None,
            created_at_us=now_us,
            updated_at_us=now_us,
            version=1,
            table_id=_new_id(),
        )
        try:
            self._tables.put(_tables_of(database), made.name, made, 0)
        except ConflictError:
            raise _exists(f"a table {new.database}.{new.name}") from None
        return made

    def update_table(
        self,
        table: CatalogTable,
        expected_version: int | None = None,
        *,
        skip_archive: bool = False,
    ) -> CatalogTable:
        """Replaces what is said of a table; what was said before is a version that can be read,
        unless `skip_archive`.

        Raises ConflictError where the table is another version than the expected one.
        """
        check_table(table)
        new = with_folded_names(table)
        database = self.database(new.database)
        if self._history.find(new.database, new.name) is not None:
            return self._history.update(new, expected_version)

        def change() -> CatalogTable:
            before = self._stored_table(database, new.name)
            if expected_version is not None and expected_version != before.value.version:
                raise ConflictError(
                    f"the change of table {new.database}.{new.name} is based on version"
                    f" {expected_version}, but it has come to version {before.value.version}: read"
                    " the table again"
                )
            changed = replace(
                new,
                group_id=None,
                created_at_us=before.value.created_at_us,
                updated_at_us=self._clock(),
                version=before.value.version + 1,
                table_id=before.value.table_id,
            )
            self._tables.put(_tables_of(database), new.name, changed, before.revision)
            if not skip_archive:
                self._archive(before.value)
            return changed

        return until_unopposed(f"table {new.database}.{new.name}", change)

    def delete_table(self, database: str, name: str) -> None:
        """Drops a table, not its data."""
        found = self.database(database)
        history = self._history.find(found.name, folded(name))
        if history is not None:
            self._history.drop(history)
            return

        def change() -> CatalogTable:
            table = self._stored_table(found, name)
            self._tables.remove(_tables_of(found), table.value.name, table.revision)
            return table.value

        self._forget_parts(until_unopposed(f"table {found.name}.{name}", change))

    def table_versions(self, database: str, name: str) -> Sequence[CatalogTable]:
        """The versions of a table that are kept, the newest first."""
        table = self.table(database, name)
        archived = [stored.value for stored in self._tables.all(_versions_of(table)).values()]
        older = [version for version in archived if version.version < table.version]
        return [table, *sorted(older, key=lambda version: version.version, reverse=True)]

    # Partitions

    def partitions(
        self, database: str, table: str, expression: str | None = None
    ) -> Sequence[CatalogPartition]:
        """The partitions of a table, in the order of their values; where an expression is given
        (`service/partition_filter.py`), those that it means.
        """
        return self._partitions.all(self.table(database, table), expression)

    def partition(self, database: str, table: str, values: Sequence[str]) -> CatalogPartition:
        return self._partitions.find(self.table(database, table), values)

    def create_partitions(
        self, database: str, table: str, partitions: Sequence[CatalogPartition]
    ) -> Sequence[PartitionFailure]:
        """Adds partitions; returns those that are there already, which stay as they are.

        Raises ValidationError, and adds none, where one is wrong or the table is a history.
        """
        return self._partitions.create(self.table(database, table), partitions)

    def update_partition(
        self, database: str, table: str, values: Sequence[str], partition: CatalogPartition
    ) -> CatalogPartition:
        """Replaces what is said of the partition with `values`, which may become others.

        Raises ResourceInUse where there is a partition with the new values.
        """
        return self._partitions.update(self.table(database, table), values, partition)

    def delete_partitions(
        self, database: str, table: str, values: Sequence[Sequence[str]]
    ) -> Sequence[PartitionFailure]:
        """Removes partitions, not their data; returns those that are not there."""
        return self._partitions.delete(self.table(database, table), values)

    def _change_database(
        self, name: str, rule: Callable[[CatalogDatabase], CatalogDatabase]
    ) -> CatalogDatabase:
        def change() -> CatalogDatabase:
            before = self._database(name)
            changed = rule(before.value)
            check_database(changed)
            self._databases.put(_DATABASES, changed.name, changed, before.revision)
            return changed

        return until_unopposed(f"database {name!r}", change)

    def _database(self, name: str) -> Stored[CatalogDatabase]:
        key = folded(name)
        stored = self._databases.find(_DATABASES, key)
        if stored is not None:
            return stored
        if key in _ALWAYS_THERE or self._history.has_any(key):
            return Stored(_implied(key), 0)
        raise ResourceNotFound(f"there is no database {name!r}")

    def _keep(self, database: CatalogDatabase) -> None:
        """Lets a database stay that is there since a group's table is in it."""
        is_stored = self._databases.find(_DATABASES, database.name) is not None
        if not is_stored and database.name not in _ALWAYS_THERE:
            with suppress(Overtaken):  # somebody else does the same
                self._databases.put(_DATABASES, database.name, database, 0)

    def _stored_table(self, database: CatalogDatabase, name: str) -> Stored[CatalogTable]:
        stored = self._tables.find(_tables_of(database), folded(name))
        if stored is None:
            raise ResourceNotFound(f"there is no table {database.name}.{name}")
        return stored

    def _archive(self, table: CatalogTable) -> None:
        kind = _versions_of(table)
        with suppress(Overtaken):  # it is there already
            self._tables.put(kind, f"{table.version:020d}", table, 0)
        versions = self._tables.all(kind)
        for name in list(versions)[: -(TABLE_VERSIONS_MAX - 1)]:
            with suppress(Overtaken):
                self._tables.remove(kind, name, versions[name].revision)

    def _forget_parts(self, table: CatalogTable) -> None:
        """Removes what belonged to a table that is gone, which nobody finds any more."""
        self._partitions.forget(table)
        self._tables.remove_all(_versions_of(table))


def _matching(tables: Sequence[CatalogTable], pattern: str) -> list[CatalogTable]:
    """RE2's time is linear: no pattern keeps the server busy."""
    # Hive's clients write `orders*` and `*orders`, others `orders.*`.
    expression = _HIVES_STAR.sub(".*", pattern)
    names = pa.array([table.name for table in tables], pa.string())
    try:
        matches = pc.match_substring_regex(names, pattern=f"^(?:{expression})$", ignore_case=True)
    except pa.ArrowInvalid as error:
        raise ValidationError(
            f"Expression {pattern[:256]!r} is not a regular expression that can be read: {error}"
        ) from error
    return [table for table, matches in zip(tables, matches.to_pylist(), strict=True) if matches]


def _implied(name: str) -> CatalogDatabase:
    """A database that nobody made."""
    return CatalogDatabase(
        name=name, description=_ALWAYS_THERE.get(name), database_id=f"implied {name}"
    )


def _tables_of(database: CatalogDatabase) -> str:
    return f"catalog-tables of {database.database_id}"


def _versions_of(table: CatalogTable) -> str:
    return f"catalog-versions of {table.table_id}"


def _new_id() -> str:
    return secrets.token_hex(_ID_BYTES)


def _exists(what: str) -> ResourceInUse:
    return ResourceInUse(f"there is {what} already")
