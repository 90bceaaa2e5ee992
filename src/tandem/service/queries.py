"""Queries: SQL over the history of feature groups, undelivered writes included.

A query opens the log first, then reads the manifests, then takes the log's entries behind them:
every acknowledged write is seen once, whether delivery has come to it or not. All groups of a query
are read through one snapshot of the log.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import pyarrow as pa

from tandem.errors import QueryFailed, StoreUnavailable, ValidationError
from tandem.model.feature_group import FeatureGroup
from tandem.model.history import HistorySnapshot
from tandem.model.write import LogPart
from tandem.offline.base import OfflineStore
from tandem.online.base import LogSnapshot, OnlineStore
from tandem.query.base import HistoryTable, QueryEngine, TableName
from tandem.rows.history_rows import offline_parts
from tandem.service.clock import Clock
from tandem.service.definitions import Definitions
from tandem.service.placement import DATABASE

_ATTEMPTS_MAX = 100


class HistoryMoment(NamedTuple):
    """Histories as they were at one moment.

    as_of_us        a barrier: all that is in them is stamped then or earlier, all else later
    log_positions   the last position of each log partition
    """

    tables: list[HistoryTable]
    as_of_us: int
    log_positions: Mapping[int, int]


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

    def sql(self, statement: str) -> pa.Table:
        """The rows of one SELECT statement, in the engine's own SQL.

        A table is named by its feature group (`"customer-features"`) or by its catalog table, both
        with or without the database `sagemaker_featurestore`. Raises QueryFailed.
        """
        names = self._engine.table_names(statement)
        found = [self._group_of(name) for name in names]
        tables = dict(zip(names, self.history(found), strict=True))
        return self._engine.sql(statement, tables)

    def history(self, groups: Sequence[FeatureGroup]) -> list[HistoryTable]:
        """The history of each group as readers see it, all at one moment."""
        tables = self.at_one_moment(groups).tables
        return [replace(table, group=table.group.for_readers) for table in tables]

    def at_one_moment(self, groups: Sequence[FeatureGroup]) -> HistoryMoment:
        """The whole history of each group, retired features included."""
        for _ in range(_ATTEMPTS_MAX):
            with self._store.log() as log:
                delivered = [self._offline.snapshot(group) for group in groups]
                # A manifest read later may hold writes from after the log was opened, which the
                # others cannot: then all are read again. Deliveries are seconds apart.
                if all(self._is_within(snapshot, log) for snapshot in delivered):
                    return HistoryMoment(
                        [
                            HistoryTable(group, self._with_tail(group, snapshot, log))
                            for group, snapshot in zip(groups, delivered, strict=True)
                        ],
                        log.write_time_us,
                        {each: log.end(each) for each in range(self._store.partitions)},
                    )
        raise StoreUnavailable("delivery came between too often while history was read: try again")

    def now_at_one_moment(self, groups: Sequence[FeatureGroup]) -> HistoryMoment:
        """The same with `as_of_us` not before the clock, so that rows which other programs wrote
        into the files count, too.
        """
        self._store.write([], self._clock)
        return self.at_one_moment(groups)

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
        self.check_readable(group)
        return group

    def group_named(self, name: str) -> FeatureGroup | None:
        """The group that a name or an alias means; of any case, where only one group is meant."""
        found = self._definitions.find_for_reading(name)
        if found is not None:
            return found
        known = [*(group.name for group in self._definitions.live()), *self._definitions.aliases()]
        alike = {one for one in known if one.lower() == name.lower()}
        return self._definitions.find_for_reading(alike.pop()) if len(alike) == 1 else None

    def group_of_id(self, group_id: str) -> FeatureGroup | None:
        """The group of this id, deleted or not."""
        return self._definitions.of_id(group_id)

    def check_readable(self, group: FeatureGroup) -> None:
        """Raises QueryFailed where the group has no history that is whole."""
        if not group.is_whole:
            raise QueryFailed(
                f"feature group {group.name!r} is in status {group.status}, so its history is not"
                " whole"
            )
        if group.offline is None:
            raise QueryFailed(
                f"feature group {group.name!r} has no offline store, so there is no history"
            )

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
