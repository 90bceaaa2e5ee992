"""athena: the table of its operations. Who performs them stands in one file a noun."""

from typing import Any

from tandem.errors import ResourceLimitExceeded, ResourceNotFound
from tandem.wire.athena_catalog import CatalogOperations
from tandem.wire.athena_executions import ExecutionOperations
from tandem.wire.athena_named_queries import NamedQueryOperations
from tandem.wire.athena_prepared_statements import PreparedStatementOperations
from tandem.wire.athena_work_groups import WorkGroupOperations
from tandem.wire.error_table import Dialect, MetadataNotFound
from tandem.wire.operation import Core, Operation, Place, Service
from tandem.wire.paging import PageTokens
from tandem.wire.shapes import athena as shapes
from tandem.wire.shapes import athena_catalog as catalog_shapes
from tandem.wire.shapes import athena_named_queries as named_shapes
from tandem.wire.shapes import athena_prepared_statements as prepared_shapes
from tandem.wire.shapes import athena_work_groups as group_shapes


def athena_service(core: Core, tokens: PageTokens) -> Service:
    return Service(
        name="athena",
        signing_name="athena",
        dialect=Dialect.ATHENA,
        prefix="AmazonAthena",
        operations=[
            *_executions(core, tokens),
            *_work_groups(core, tokens),
            *_tags(core, tokens),
            *_catalog(core, tokens),
            *_named_queries(core, tokens),
            *_prepared_statements(core, tokens),
        ],
    )


def _executions(core: Core, tokens: PageTokens) -> list[Operation[Any]]:
    executions = ExecutionOperations(core.athena.executions, tokens)
    return [
        Operation(
            name="StartQueryExecution",
            request=shapes.StartQueryExecutionRequest,
            perform=executions.start,
            errors=(ResourceLimitExceeded,),
            place=Place.QUERIES,
        ),
        Operation(
            name="GetQueryExecution",
            request=shapes.QueryExecutionRequest,
            perform=executions.get,
            place=Place.QUERIES_WHERE_IT_RUNS,
        ),
        Operation(
            name="BatchGetQueryExecution",
            request=shapes.BatchGetQueryExecutionRequest,
            perform=executions.batch_get,
            place=Place.QUERIES_WHERE_IT_RUNS,
        ),
        Operation(
            name="ListQueryExecutions",
            request=shapes.ListQueryExecutionsRequest,
            perform=executions.list,
            place=Place.QUERIES_WHERE_IT_RUNS,
        ),
        Operation(
            name="StopQueryExecution",
            request=shapes.StopQueryExecutionRequest,
            perform=executions.stop,
            place=Place.QUERIES_WHERE_IT_RUNS,
        ),
        Operation(
            name="GetQueryResults",
            request=shapes.GetQueryResultsRequest,
            perform=executions.results,
            errors=(ResourceLimitExceeded,),
            place=Place.QUERIES_WHERE_IT_RUNS,
        ),
        Operation(
            name="GetQueryRuntimeStatistics",
            request=shapes.QueryExecutionRequest,
            perform=executions.statistics,
            place=Place.QUERIES_WHERE_IT_RUNS,
        ),
    ]


def _work_groups(core: Core, tokens: PageTokens) -> list[Operation[Any]]:
    groups = WorkGroupOperations(core.athena, core.groups.account, tokens)
    return [
        Operation(
            name="CreateWorkGroup",
            request=group_shapes.CreateWorkGroupRequest,
            perform=groups.create,
        ),
        Operation(name="GetWorkGroup", request=group_shapes.WorkGroupRequest, perform=groups.get),
        Operation(
            name="ListWorkGroups", request=group_shapes.ListWorkGroupsRequest, perform=groups.list
        ),
        Operation(
            name="UpdateWorkGroup",
            request=group_shapes.UpdateWorkGroupRequest,
            perform=groups.update,
        ),
        Operation(
            name="DeleteWorkGroup",
            request=group_shapes.DeleteWorkGroupRequest,
            perform=groups.delete,
        ),
        Operation(
            name="ListEngineVersions",
            request=group_shapes.ListEngineVersionsRequest,
            perform=groups.engine_versions,
        ),
    ]


def _tags(core: Core, tokens: PageTokens) -> list[Operation[Any]]:
    groups = WorkGroupOperations(core.athena, core.groups.account, tokens)
    return [
        Operation(
            name="TagResource",
            request=group_shapes.TagResourceRequest,
            perform=groups.tag,
            errors=(ResourceNotFound,),
        ),
        Operation(
            name="UntagResource",
            request=group_shapes.UntagResourceRequest,
            perform=groups.untag,
            errors=(ResourceNotFound,),
        ),
        Operation(
            name="ListTagsForResource",
            request=group_shapes.ListTagsForResourceRequest,
            perform=groups.tags,
            errors=(ResourceNotFound,),
        ),
    ]


def _catalog(core: Core, tokens: PageTokens) -> list[Operation[Any]]:
    catalog = CatalogOperations(core.catalog, core.groups.account, tokens)
    return [
        Operation(
            name="ListDataCatalogs",
            request=catalog_shapes.ListDataCatalogsRequest,
            perform=catalog.catalogs,
        ),
        Operation(
            name="GetDataCatalog",
            request=catalog_shapes.GetDataCatalogRequest,
            perform=catalog.get_catalog,
        ),
        Operation(
            name="ListDatabases",
            request=catalog_shapes.ListDatabasesRequest,
            perform=catalog.databases,
            errors=(MetadataNotFound,),
        ),
        Operation(
            name="GetDatabase",
            request=catalog_shapes.GetDatabaseRequest,
            perform=catalog.get_database,
            errors=(MetadataNotFound,),
        ),
        Operation(
            name="ListTableMetadata",
            request=catalog_shapes.ListTableMetadataRequest,
            perform=catalog.tables,
            errors=(MetadataNotFound,),
        ),
        Operation(
            name="GetTableMetadata",
            request=catalog_shapes.GetTableMetadataRequest,
            perform=catalog.get_table,
            errors=(MetadataNotFound,),
        ),
    ]


def _named_queries(core: Core, tokens: PageTokens) -> list[Operation[Any]]:
    named = NamedQueryOperations(core.athena.named_queries, tokens)
    return [
        Operation(
            name="CreateNamedQuery",
            request=named_shapes.CreateNamedQueryRequest,
            perform=named.create,
        ),
        Operation(name="GetNamedQuery", request=named_shapes.NamedQueryRequest, perform=named.get),
        Operation(
            name="BatchGetNamedQuery",
            request=named_shapes.BatchGetNamedQueryRequest,
            perform=named.batch_get,
        ),
        Operation(
            name="ListNamedQueries",
            request=named_shapes.ListNamedQueriesRequest,
            perform=named.list,
        ),
        Operation(
            name="UpdateNamedQuery",
            request=named_shapes.UpdateNamedQueryRequest,
            perform=named.update,
        ),
        Operation(
            name="DeleteNamedQuery", request=named_shapes.NamedQueryRequest, perform=named.delete
        ),
    ]


def _prepared_statements(core: Core, tokens: PageTokens) -> list[Operation[Any]]:
    prepared = PreparedStatementOperations(core.athena.prepared_statements, tokens)
    return [
        Operation(
            name="CreatePreparedStatement",
            request=prepared_shapes.CreatePreparedStatementRequest,
            perform=prepared.create,
            place=Place.QUERIES,
        ),
        Operation(
            name="GetPreparedStatement",
            request=prepared_shapes.GetPreparedStatementRequest,
            perform=prepared.get,
            errors=(ResourceNotFound,),
        ),
        Operation(
            name="BatchGetPreparedStatement",
            request=prepared_shapes.BatchGetPreparedStatementRequest,
            perform=prepared.batch_get,
            place=Place.QUERIES_WHERE_IT_RUNS,
        ),
        Operation(
            name="ListPreparedStatements",
            request=prepared_shapes.ListPreparedStatementsRequest,
            perform=prepared.list,
            place=Place.QUERIES_WHERE_IT_RUNS,
        ),
        Operation(
            name="UpdatePreparedStatement",
            request=prepared_shapes.UpdatePreparedStatementRequest,
            perform=prepared.update,
            place=Place.QUERIES,
            errors=(ResourceNotFound,),
        ),
        Operation(
            name="DeletePreparedStatement",
            request=prepared_shapes.DeletePreparedStatementRequest,
            perform=prepared.delete,
            errors=(ResourceNotFound,),
        ),
    ]
