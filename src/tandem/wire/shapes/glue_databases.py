"""Shapes of glue: databases."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from tandem.model import limits
from tandem.wire.shapes.glue import ABSENT, Description, Name, Parameters, ResourceArn
from tandem.wire.shapes.shape import Shape

PAGE_MAX = 100
_Principal = Annotated[str, Meta(min_length=1, max_length=limits.CATALOG_NAME_LENGTH_MAX)]
_TagKey = Annotated[str, Meta(min_length=1, max_length=limits.TAG_KEY_LENGTH_MAX)]
_TagValue = Annotated[str, Meta(max_length=limits.TAG_VALUE_LENGTH_MAX)]
_Tags = Annotated[dict[_TagKey, _TagValue], Meta(max_length=limits.TAGS_PER_GROUP_MAX)]


class ResourceShareType(StrEnum):
    FOREIGN = "FOREIGN"
    ALL = "ALL"
    FEDERATED = "FEDERATED"


class DatabaseAttributes(StrEnum):
    NAME = "NAME"
    TARGET_DATABASE = "TARGET_DATABASE"


class Permission(StrEnum):
    ALL = "ALL"
    SELECT = "SELECT"
    ALTER = "ALTER"
    DROP = "DROP"
    DELETE = "DELETE"
    INSERT = "INSERT"
    CREATE_DATABASE = "CREATE_DATABASE"
    CREATE_TABLE = "CREATE_TABLE"
    DATA_LOCATION_ACCESS = "DATA_LOCATION_ACCESS"


class DataLakePrincipal(Shape):
    data_lake_principal_identifier: _Principal | None = None


class PrincipalPermissions(Shape):
    principal: DataLakePrincipal | None = None
    permissions: list[Permission] | None = None


class DatabaseIdentifier(Shape):
    catalog_id: Name | None = None
    database_name: Name | None = None
    region: Name | None = None


class DatabaseInput(Shape):
    name: Name
    description: Description | None = None
    location_uri: (
        Annotated[str, Meta(min_length=1, max_length=limits.CATALOG_DATABASE_LOCATION_LENGTH_MAX)]
        | None
    ) = None
    parameters: Parameters | None = None
    create_table_default_permissions: list[PrincipalPermissions] | None = None
    target_database: DatabaseIdentifier | None = None
    federated_database: msgspec.Raw = ABSENT


class Database(Shape):
    name: str
    description: str | None = None
    location_uri: str | None = None
    parameters: dict[str, str] | None = None
    create_time: float | None = None
    create_table_default_permissions: list[PrincipalPermissions] | None = None
    target_database: DatabaseIdentifier | None = None
    catalog_id: str | None = None


class CreateDatabaseRequest(Shape):
    database_input: DatabaseInput
    catalog_id: Name | None = None
    tags: _Tags | None = None


class GetDatabaseRequest(Shape):
    name: Name
    catalog_id: Name | None = None


class GetDatabaseResponse(Shape):
    database: Database | None = None


class GetDatabasesRequest(Shape):
    catalog_id: Name | None = None
    next_token: str | None = None
    max_results: Annotated[int, Meta(ge=1, le=PAGE_MAX)] | None = None
    resource_share_type: ResourceShareType | None = None
    attributes_to_get: list[DatabaseAttributes] | None = None


class GetDatabasesResponse(Shape):
    database_list: list[Database]
    next_token: str | None = None


class UpdateDatabaseRequest(Shape):
    name: Name
    database_input: DatabaseInput
    catalog_id: Name | None = None


class DeleteDatabaseRequest(Shape):
    name: Name
    catalog_id: Name | None = None


class GetTagsRequest(Shape):
    resource_arn: ResourceArn


class GetTagsResponse(Shape):
    tags: dict[str, str] | None = None


class TagResourceRequest(Shape):
    resource_arn: ResourceArn
    tags_to_add: _Tags


class UntagResourceRequest(Shape):
    resource_arn: ResourceArn
    tags_to_remove: Annotated[list[_TagKey], Meta(max_length=limits.TAGS_PER_GROUP_MAX)]
