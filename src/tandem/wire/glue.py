"""glue: the table of its operations. Who performs them stands in one file a noun."""

from typing import Any

from tandem.errors import ConflictError, ResourceInUse, ResourceLimitExceeded, ResourceNotFound
from tandem.wire.error_table import Dialect
from tandem.wire.glue_databases import DatabaseOperations
from tandem.wire.glue_partitions import PartitionOperations
from tandem.wire.glue_search import SearchOperations
from tandem.wire.glue_tables import TableOperations
from tandem.wire.operation import Core, Operation, Service
from tandem.wire.paging import PageTokens
from tandem.wire.shapes import glue_databases as database_shapes
from tandem.wire.shapes import glue_partitions as partition_shapes
from tandem.wire.shapes import glue_search as search_shapes
from tandem.wire.shapes import glue_tables as table_shapes

_CREATION = (ResourceInUse, ResourceNotFound, ResourceLimitExceeded)


def glue_service(core: Core, tokens: PageTokens) -> Service:
    catalog, account = core.catalog, core.groups.account
    return Service(
        name="glue",
        signing_name="glue",
        dialect=Dialect.GLUE,
        prefix="AWSGlue",
        operations=[
            *_databases(DatabaseOperations(catalog, account, tokens)),
            *_tables(TableOperations(catalog, account, tokens)),
            *_partitions(PartitionOperations(catalog, account, tokens)),
            Operation(
                name="SearchTables",
                request=search_shapes.SearchTablesRequest,
                perform=SearchOperations(catalog, account, tokens).search,
            ),
        ],
    )


def _databases(databases: DatabaseOperations) -> list[Operation[Any]]:
    return [
        Operation(
            name="CreateDatabase",
            request=database_shapes.CreateDatabaseRequest,
            perform=databases.create,
            errors=(ResourceInUse, ResourceLimitExceeded, ConflictError),
        ),
        Operation(
            name="GetDatabase",
            request=database_shapes.GetDatabaseRequest,
            perform=databases.get,
            errors=(ResourceNotFound,),
        ),
        Operation(
            name="GetDatabases",
            request=database_shapes.GetDatabasesRequest,
            perform=databases.list_all,
            errors=(ResourceNotFound,),
        ),
        Operation(
            name="UpdateDatabase",
            request=database_shapes.UpdateDatabaseRequest,
            perform=databases.update,
            errors=(ResourceNotFound, ResourceInUse, ConflictError),
        ),
        Operation(
            name="DeleteDatabase",
            request=database_shapes.DeleteDatabaseRequest,
            perform=databases.delete,
            errors=(ResourceNotFound, ConflictError),
        ),
        Operation(
            name="GetTags",
            request=database_shapes.GetTagsRequest,
            perform=databases.get_tags,
            errors=(ResourceNotFound,),
        ),
        Operation(
            name="TagResource",
            request=database_shapes.TagResourceRequest,
            perform=databases.tag,
            errors=(ResourceNotFound,),
        ),
        Operation(
            name="UntagResource",
            request=database_shapes.UntagResourceRequest,
            perform=databases.untag,
            errors=(ResourceNotFound,),
        ),
    ]


def _tables(tables: TableOperations) -> list[Operation[Any]]:
    return [
        Operation(
            name="CreateTable",
            request=table_shapes.CreateTableRequest,
            perform=tables.create,
            errors=(*_CREATION, ConflictError),
        ),
        Operation(
            name="GetTable",
            request=table_shapes.GetTableRequest,
            perform=tables.get,
            errors=(ResourceNotFound,),
        ),
        Operation(
            name="GetTables",
            request=table_shapes.GetTablesRequest,
            perform=tables.list_all,
            errors=(ResourceNotFound,),
        ),
        Operation(
            name="UpdateTable",
            request=table_shapes.UpdateTableRequest,
            perform=tables.update,
            errors=(*_CREATION, ConflictError),
        ),
        Operation(
            name="DeleteTable",
            request=table_shapes.DeleteTableRequest,
            perform=tables.delete,
            errors=(ResourceNotFound, ConflictError),
        ),
        Operation(
            name="BatchDeleteTable",
            request=table_shapes.BatchDeleteTableRequest,
            perform=tables.delete_batch,
            errors=(ResourceNotFound, ConflictError),
        ),
        Operation(
            name="GetTableVersion",
            request=table_shapes.GetTableVersionRequest,
            perform=tables.version,
            errors=(ResourceNotFound,),
        ),
        Operation(
            name="GetTableVersions",
            request=table_shapes.GetTableVersionsRequest,
            perform=tables.versions,
            errors=(ResourceNotFound,),
        ),
    ]


def _partitions(partitions: PartitionOperations) -> list[Operation[Any]]:
    return [
        Operation(
            name="CreatePartition",
            request=partition_shapes.CreatePartitionRequest,
            perform=partitions.create,
            errors=_CREATION,
        ),
        Operation(
            name="BatchCreatePartition",
            request=partition_shapes.BatchCreatePartitionRequest,
            perform=partitions.create_batch,
            errors=(*_CREATION, ConflictError),
        ),
        Operation(
            name="GetPartition",
            request=partition_shapes.GetPartitionRequest,
            perform=partitions.get,
            errors=(ResourceNotFound,),
        ),
        Operation(
            name="GetPartitions",
            request=partition_shapes.GetPartitionsRequest,
            perform=partitions.list_all,
            errors=(ResourceNotFound,),
        ),
        Operation(
            name="BatchGetPartition",
            request=partition_shapes.BatchGetPartitionRequest,
            perform=partitions.get_batch,
            errors=(ResourceNotFound,),
        ),
        Operation(
            name="UpdatePartition",
            request=partition_shapes.UpdatePartitionRequest,
            perform=partitions.update,
            errors=(ResourceNotFound,),
        ),
        Operation(
            name="DeletePartition",
            request=partition_shapes.DeletePartitionRequest,
            perform=partitions.delete,
            errors=(ResourceNotFound,),
        ),
        Operation(
            name="BatchDeletePartition",
            request=partition_shapes.BatchDeletePartitionRequest,
            perform=partitions.delete_batch,
            errors=(ResourceNotFound, ConflictError),
        ),
    ]
