"""Shapes of athena: catalogs, databases and tables, as Athena tells of them."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from tandem.wire.shapes.athena import CatalogName, NextToken, WorkGroupName
from tandem.wire.shapes.shape import Shape

ITEMS_MAX = 50

Name = Annotated[str, Meta(min_length=1, max_length=128)]


class DataCatalogType(StrEnum):
    LAMBDA = "LAMBDA"
    GLUE = "GLUE"
    HIVE = "HIVE"
    FEDERATED = "FEDERATED"


class DatabaseAttribute(StrEnum):
    NAME = "NAME"


class TableAttribute(StrEnum):
    NAME = "NAME"
    TABLE_TYPE = "TABLE_TYPE"


class ListDataCatalogsRequest(Shape):
    next_token: NextToken | None = None
    max_results: Annotated[int, Meta(ge=2, le=ITEMS_MAX)] | None = None
    work_group: WorkGroupName | None = None


class DataCatalogSummary(Shape):
    catalog_name: str | None = None
    type: DataCatalogType | None = None


class ListDataCatalogsResponse(Shape):
    data_catalogs_summary: list[DataCatalogSummary] | None = None
    next_token: str | None = None


class GetDataCatalogRequest(Shape):
    name: CatalogName
    work_group: WorkGroupName | None = None


class DataCatalog(Shape):
    name: str
    type: DataCatalogType
    description: str | None = None
    parameters: dict[str, str] | None = None


class GetDataCatalogResponse(Shape):
    data_catalog: DataCatalog | None = None


class ListDatabasesRequest(Shape):
    catalog_name: CatalogName
    next_token: NextToken | None = None
    max_results: Annotated[int, Meta(ge=1, le=ITEMS_MAX)] | None = None
    work_group: WorkGroupName | None = None
    attributes_to_get: Annotated[list[DatabaseAttribute], Meta(max_length=1)] | None = None


class Database(Shape):
    name: str
    description: str | None = None
    parameters: dict[str, str] | None = None


class ListDatabasesResponse(Shape):
    database_list: list[Database] | None = None
    next_token: str | None = None


class GetDatabaseRequest(Shape):
    catalog_name: CatalogName
    database_name: Name
    work_group: WorkGroupName | None = None


class GetDatabaseResponse(Shape):
    database: Database | None = None


class ListTableMetadataRequest(Shape):
    catalog_name: CatalogName
    database_name: Name
    expression: Annotated[str, Meta(max_length=256)] | None = None
    next_token: NextToken | None = None
    max_results: Annotated[int, Meta(ge=1, le=ITEMS_MAX)] | None = None
    work_group: WorkGroupName | None = None
    attributes_to_get: Annotated[list[TableAttribute], Meta(min_length=1, max_length=2)] | None = (
        None
    )


class Column(Shape):
    name: str
    type: str | None = None
    comment: str | None = None


class TableMetadata(Shape):
    name: str
    create_time: float | None = None
    last_access_time: float | None = None
    table_type: str | None = None
    columns: list[Column] | None = None
    partition_keys: list[Column] | None = None
    parameters: dict[str, str] | None = None


class ListTableMetadataResponse(Shape):
    table_metadata_list: list[TableMetadata] | None = None
    next_token: str | None = None


class GetTableMetadataRequest(Shape):
    catalog_name: CatalogName
    database_name: Name
    table_name: Name
    work_group: WorkGroupName | None = None


class GetTableMetadataResponse(Shape):
    table_metadata: TableMetadata | None = None
