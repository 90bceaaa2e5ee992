"""Queries: SQL over the history of feature groups, undelivered writes included.

A query opens the log first, then reads the manifests, then takes the log's entries behind them:
every acknowledged write is seen once, whether delivery has come to it or not. All groups of a query
are read through one snapshot of the log.
"""

from collections.abc import Sequence

import pyarrow as pa

from tandem.errors import QueryFailed, StoreUnavailable, ValidationError
from tandem.model.feature_group import FeatureGroup
from tandem.model.history import HistorySnapshot
from tandem.model.write import LogPart
from tandem.offline.base import OfflineStore
from tandem.online.base import LogSnapshot, OnlineStore
from tandem.query import athena
from tandem.query.base import HistoryTable, QueryEngine, SqlDialect, TableName
from tandem.rows.history_rows import offline_parts
from tandem.service.clock import Clock
from tandem.service.definitions import Definitions
from tandem.service.placement import CATALOG, DATABASE

_ATTEMPTS_MAX = 100


class Queries:
    def __init__(
        self,
        store: OnlineStore,
        offline: OfflineStore,
        definitions: Definitions,
        engine: QueryEngine,
        clock: Clock,
    ) -> None:
        self._store = store
        self._offline = offline
        self._definitions = definitions
        self._engine = engine
        self._clock = clock

    def sql(self, statement: str, dialect: SqlDialect = SqlDialect.DUCKDB) -> pa.Table:
        """The rows of one SELECT statement.

        A table is named by its feature group (`"customer-features"`) or by its catalog table, both
        with or without the database `sagemaker_featurestore`. Raises QueryFailed.
        """
        if dialect is SqlDialect.ATHENA:
            return self._athena_sql(statement)
        names = self._engine.table_names(statement)
        found = [self._group_of(name) for name in names]
        tables = dict(zip(names, self.history(found), strict=True))
        return self._engine.sql(statement, tables)

    def _athena_sql(self, statement: str) -> pa.Table:
        select = athena.parse(statement)
        if not isinstance(select, athena.Select):
            raise QueryFailed("only a SELECT is answered: the statement would do something else")
        groups = {table: self._group_of(_plain_name(table)) for table in select.tables}
        columns = {table: athena.history_columns(group) for table, group in groups.items()}
        found = athena.translate(select, columns)
        tables = self.history([groups[table] for table in found.reads.values()])
        try:
            result = self._engine.sql(found.sql, dict(zip(found.reads, tables, strict=True)))
        except QueryFailed as error:
            raise athena.in_athenas_words(error) from error
        return result.rename_columns(list(found.column_names))

    def history(self, groups: Sequence[FeatureGroup]) -> list[HistoryTable]:
        """The history of each group, all at one moment."""
        for _ in range(_ATTEMPTS_MAX):
            with self._store.log() as log:
                delivered = [self._offline.snapshot(group) for group in groups]
                # A manifest read later may hold writes from after the log was opened, which the
                # others cannot: then all are read again. Deliveries are seconds apart.
                if all(self._is_within(snapshot, log) for snapshot in delivered):
                    return [
                        HistoryTable(group.for_readers, self._with_tail(group, snapshot, log))
                        for group, snapshot in zip(groups, delivered, strict=True)
                    ]

        raise StoreUnavailable("delivery came between too often while history was read: try again")

    def settle(self, as_of_us: int) -> None:
        """Makes sure that no later write is stamped `as_of_us` or earlier.

        Raises ValidationError where that moment is still to come.
        """
        if as_of_us > self._clock():
            raise ValidationError(
                "as_of lies in the future: what is written until then is not known"
            )
        self._store.write([], self._clock)

    def _is_within(self, snapshot: HistorySnapshot, log: LogSnapshot) -> bool:
        return all(log.end(partition) >= end for partition, end in snapshot.delivered.items())

    def _with_tail(
        self, group: FeatureGroup, delivered: HistorySnapshot, log: LogSnapshot
    ) -> HistorySnapshot:
        tail: list[LogPart] = []
        for partition in range(self._store.partitions):
            after = delivered.delivered.get(partition, 0)
            tail += offline_parts(log.parts(partition, after, group_id=group.group_id))
        return delivered.with_tail(tuple(tail))

    def _group_of(self, name: TableName) -> FeatureGroup:
        is_default = name.database in (None, DATABASE)
        group = self._definitions.find_for_reading(name.table) if is_default else None
        group = group or self._group_of_catalog_table(name)
        if group is None:
            shown = f"{name.database}.{name.table}" if name.database else name.table
            raise QueryFailed(
                f"there is no table {shown!r}: name a feature group, in double quotes where its"
                ' name has hyphens, as in "customer-features"'
            )
        if not group.is_whole:
            raise QueryFailed(
                f"feature group {group.name!r} is in status {group.status}, so its history is not"
                " whole"
            )
        if group.offline is None:
            raise QueryFailed(
                f"feature group {group.name!r} has no offline store, so there is no history"
            )
        return group

    def _group_of_catalog_table(self, name: TableName) -> FeatureGroup | None:
        for groups in (self._definitions.live(), self._definitions.deleted()):
            # Deleted groups count: their history stays. The newest is the one that was meant.
            found = [
                group
                for group in groups
                if (catalog := group.offline and group.offline.data_catalog)
                and catalog.table.lower() == name.table.lower()
                and name.database in (None, catalog.database)
            ]
            if len(found) > 1 and found[0].deleted_at_us is None:
                names = [group.name for group in found]
                raise QueryFailed(
                    f"table {name.table!r} is that of several feature groups: name one of {names}"
                )
            if found:
                return max(found, key=lambda group: group.created_at_us)
        return None


def _plain_name(table: athena.AthenaTable) -> TableName:
    """The name of a group's history, read as it is now; QueryFailed for anything else."""
    if table.catalog is not None and table.catalog.lower() != CATALOG.lower():
        raise QueryFailed(f"there is no catalog {table.catalog!r}: use {CATALOG}, or leave it out")
    if table.metadata is not None or table.snapshot is not None:
        raise QueryFailed(f"{table}: tables about tables and past snapshots are not answered")
    return TableName(table.database, table.table)
