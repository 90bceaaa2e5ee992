"""Glue's operations on partitions of tables."""

import asyncio
import zlib
from collections.abc import Sequence

from tandem.model.catalog import CatalogPartition, CatalogTable
from tandem.service.catalog import Catalog
from tandem.service.placement import Account
from tandem.service.table_partitions import PartitionFailure
from tandem.wire.glue_values import (
    check_catalog,
    described_partition,
    error_detail,
    partition_of,
    refuse,
)
from tandem.wire.paging import PageTokens
from tandem.wire.shapes import glue_partitions as shapes


class PartitionOperations:
    """These write to or read from the registry, which may wait: they run in threads."""

    def __init__(self, catalog: Catalog, account: Account, tokens: PageTokens) -> None:
        self._catalog = catalog
        self._account = account
        self._tokens = tokens

    async def create(self, request: shapes.CreatePartitionRequest) -> None:
        check_catalog(request.catalog_id, self._account)
        failures = await asyncio.to_thread(
            self._catalog.create_partitions,
            request.database_name,
            request.table_name,
            [partition_of(request.partition_input)],
        )
        _raise_first(failures)

    async def create_batch(
        self, request: shapes.BatchCreatePartitionRequest
    ) -> shapes.BatchCreatePartitionResponse:
        check_catalog(request.catalog_id, self._account)
        failures = await asyncio.to_thread(
            self._catalog.create_partitions,
            request.database_name,
            request.table_name,
            [partition_of(given) for given in request.partition_input_list],
        )
        return shapes.BatchCreatePartitionResponse(errors=_errors(failures))

    async def get(self, request: shapes.GetPartitionRequest) -> shapes.GetPartitionResponse:
        check_catalog(request.catalog_id, self._account)
        place = (request.database_name, request.table_name)

        def get() -> shapes.Partition:
            partition = self._catalog.partition(*place, request.partition_values)
            return described_partition(partition, self._catalog.table(*place), self._account)

        return shapes.GetPartitionResponse(partition=await asyncio.to_thread(get))

    async def list_all(self, request: shapes.GetPartitionsRequest) -> shapes.GetPartitionsResponse:
        check_catalog(request.catalog_id, self._account)
        refuse(TransactionId=request.transaction_id, QueryAsOfTime=request.query_as_of_time)
        place = (request.database_name, request.table_name)
        segment = request.segment or shapes.Segment(segment_number=0, total_segments=1)
        parts = (segment.segment_number, segment.total_segments)
        question = ("GetPartitions", *place, request.expression, *parts)
        after = [] if not request.next_token else self._tokens.open(question, request.next_token)
        table = await asyncio.to_thread(self._catalog.table, *place)
        everything = await asyncio.to_thread(self._catalog.partitions, *place, request.expression)
        found = [
            partition
            for partition in everything
            if list(partition.values) > after and _is_in(segment, partition)
        ]
        page = found[: request.max_results or shapes.PAGE_MAX]
        more = len(found) > len(page)
        return shapes.GetPartitionsResponse(
            partitions=self._described(page, table, columns=not request.exclude_column_schema),
            next_token=self._tokens.seal(question, page[-1].values) if more else None,
        )

    async def get_batch(
        self, request: shapes.BatchGetPartitionRequest
    ) -> shapes.BatchGetPartitionResponse:
        check_catalog(request.catalog_id, self._account)
        place = (request.database_name, request.table_name)

        def get() -> list[shapes.Partition]:
            table = self._catalog.table(*place)
            wanted = [tuple(key.values) for key in request.partitions_to_get]
            by_values = {one.values: one for one in self._catalog.partitions(*place)}
            found = [by_values[values] for values in wanted if values in by_values]
            return self._described(found, table)

        return shapes.BatchGetPartitionResponse(partitions=await asyncio.to_thread(get))

    async def update(self, request: shapes.UpdatePartitionRequest) -> None:
        check_catalog(request.catalog_id, self._account)
        partition = partition_of(request.partition_input)
        await asyncio.to_thread(
            self._catalog.update_partition,
            request.database_name,
            request.table_name,
            request.partition_value_list,
            partition,
        )

    async def delete(self, request: shapes.DeletePartitionRequest) -> None:
        check_catalog(request.catalog_id, self._account)
        failures = await asyncio.to_thread(
            self._catalog.delete_partitions,
            request.database_name,
            request.table_name,
            [request.partition_values],
        )
        _raise_first(failures)

    async def delete_batch(
        self, request: shapes.BatchDeletePartitionRequest
    ) -> shapes.BatchDeletePartitionResponse:
        check_catalog(request.catalog_id, self._account)
        failures = await asyncio.to_thread(
            self._catalog.delete_partitions,
            request.database_name,
            request.table_name,
            [key.values for key in request.partitions_to_delete],
        )
        return shapes.BatchDeletePartitionResponse(errors=_errors(failures))

    def _described(
        self, partitions: Sequence[CatalogPartition], table: CatalogTable, *, columns: bool = True
    ) -> list[shapes.Partition]:
        return [
            described_partition(one, table, self._account, columns=columns) for one in partitions
        ]


def _is_in(segment: shapes.Segment, partition: CatalogPartition) -> bool:
    """Each partition is in one of the segments, whatever others come and go."""
    number = zlib.crc32("\0".join(partition.values).encode())
    return number % segment.total_segments == segment.segment_number


def _raise_first(failures: Sequence[PartitionFailure]) -> None:
    for failure in failures:
        raise failure.error


def _errors(failures: Sequence[PartitionFailure]) -> list[shapes.PartitionError] | None:
    errors = [
        shapes.PartitionError(
            partition_values=list(failure.values), error_detail=error_detail(failure.error)
        )
        for failure in failures
    ]
    return errors or None
