"""The partitions of the catalog's tables: those that users made, and those of histories.

What users made is kept as documents of the registry, under the table's id, which is never used
twice. The partitions of a history follow from its files (`service/history_tables.py`).
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from tandem.errors import (
    ConflictError,
    ResourceInUse,
    ResourceNotFound,
    TandemError,
    ValidationError,
)
from tandem.model.catalog import (
    CatalogPartition,
    CatalogTable,
    check_partition,
    check_partition_values,
)
from tandem.registry.base import DocumentRegistry
from tandem.service.clock import Clock
from tandem.service.compare_and_set import Overtaken, until_unopposed
from tandem.service.history_tables import HistoryTables
from tandem.service.partition_filter import matching
from tandem.service.typed_documents import Stored, TypedDocuments


class PartitionFailure(NamedTuple):
    """A partition of a batch that was left out, and why."""

    values: tuple[str, ...]
    error: TandemError


class TablePartitions:
    """`table` is one of the catalog's as it is now. All raise ValidationError where values do not
    fit its partition keys, and ConflictError where others change a partition all the time.
    """

    def __init__(self, registry: DocumentRegistry, history: HistoryTables, clock: Clock) -> None:
        self._documents = TypedDocuments(registry, CatalogPartition, "a partition")
        self._history = history
        self._clock = clock

    def all(self, table: CatalogTable, expression: str | None = None) -> Sequence[CatalogPartition]:
        """Those that the expression means, in the order of their values."""
        if table.group_id is not None:
            partitions = self._history.partitions(table)
        else:
            stored = self._documents.all(_kind(table)).values()
            partitions = sorted(
                (one.value for one in stored), key=lambda partition: partition.values
            )
        if not expression:
            return partitions
        return matching(partitions, table.partition_keys, expression)

    def find(self, table: CatalogTable, values: Sequence[str]) -> CatalogPartition:
        """Raises ResourceNotFound."""
        check_partition_values(table, values)
        if table.group_id is None:
            return self._stored(table, values).value
        for partition in self._history.partitions(table):
            if partition.values == tuple(values):
                return partition
        raise _not_there(table, values)

    def create(
        self, table: CatalogTable, partitions: Sequence[CatalogPartition]
    ) -> Sequence[PartitionFailure]:
        """Returns those that are there already, which stay as they are."""
        _check_changeable(table)
        for partition in partitions:
            check_partition(table, partition)
        now_us = self._clock()
        failures = []
        for partition in partitions:
            made = replace(partition, created_at_us=now_us)
            try:
                self._documents.put(_kind(table), _key(made.values), made, 0)
            except ConflictError:
                exists = _exists(table, made.values)
                failures.append(PartitionFailure(made.values, exists))
        return failures

    def update(
        self, table: CatalogTable, values: Sequence[str], partition: CatalogPartition
    ) -> CatalogPartition:
        """Replaces the partition with `values`. Raises ResourceInUse, ResourceNotFound."""
        _check_changeable(table)
        check_partition_values(table, values)
        check_partition(table, partition)
        kind = _kind(table)

        def change() -> CatalogPartition:
            before = self._stored(table, values)
            changed = replace(partition, created_at_us=before.value.created_at_us)
            if changed.values == before.value.values:
                self._documents.put(kind, _key(changed.values), changed, before.revision)
                return changed
            try:
                self._documents.put(kind, _key(changed.values), changed, 0)
            except Overtaken:
                raise _exists(table, changed.values) from None
            self._remove(table, values)
            return changed

        return until_unopposed(f"partition {list(values)} of table {table.name!r}", change)

    def delete(
        self, table: CatalogTable, values: Sequence[Sequence[str]]
    ) -> Sequence[PartitionFailure]:
        """Returns those that are not there."""
        _check_changeable(table)
        for one in values:
            check_partition_values(table, one)
        failures = []
        for one in values:
            try:
                self._remove(table, one)
            except ResourceNotFound as error:
                failures.append(PartitionFailure(tuple(one), error))
        return failures

    def forget(self, table: CatalogTable) -> None:
        """Removes those of a table that is gone, which nobody finds any more."""
        self._documents.remove_all(_kind(table))

    def _stored(self, table: CatalogTable, values: Sequence[str]) -> Stored[CatalogPartition]:
        stored = self._documents.find(_kind(table), _key(values))
        if stored is None:
            raise _not_there(table, values)
        return stored

    def _remove(self, table: CatalogTable, values: Sequence[str]) -> None:
        def change() -> None:
            stored = self._stored(table, values)
            self._documents.remove(_kind(table), _key(values), stored.revision)

        until_unopposed(f"partition {list(values)} of table {table.name!r}", change)


def _check_changeable(table: CatalogTable) -> None:
    if table.group_id is not None:
        raise ValidationError(
            f"the partitions of {table.database}.{table.name} follow from the history of its"
            " feature group: they come and go with its files alone"
        )


def _kind(table: CatalogTable) -> str:
    return f"catalog-partitions of {table.table_id}"


def _key(values: Sequence[str]) -> str:
    return json.dumps(list(values))


def _exists(table: CatalogTable, values: Sequence[str]) -> ResourceInUse:
    return ResourceInUse(
        f"there is a partition {list(values)} of {table.database}.{table.name} already"
    )


def _not_there(table: CatalogTable, values: Sequence[str]) -> ResourceNotFound:
    return ResourceNotFound(f"table {table.database}.{table.name} has no partition {list(values)}")
