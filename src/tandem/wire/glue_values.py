"""Glue's shapes as values of the catalog, and back.

Members that the catalog does not interpret are kept under their names in Glue: what comes in there
comes out again.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from tandem.errors import ResourceNotFound, TandemError, ValidationError
from tandem.model.catalog import (
    CatalogColumn,
    CatalogDatabase,
    CatalogPartition,
    CatalogStorage,
    CatalogTable,
)
from tandem.service.placement import Account
from tandem.wire.error_table import Dialect, error_code
from tandem.wire.shapes import glue as shapes
from tandem.wire.shapes import glue_databases as database_shapes
from tandem.wire.shapes import glue_partitions as partition_shapes
from tandem.wire.shapes import glue_tables as table_shapes
from tandem.wire.shapes.shape import Shape

_INTERPRETED = ("Columns", "Location", "InputFormat", "OutputFormat", "SerdeInfo")
_STORAGE_DEFAULTS: Mapping[str, Any] = {
    "Columns": [],
    "Compressed": False,
    "NumberOfBuckets": 0,
    "StoredAsSubDirectories": False,
}
_OTHER_OF_DATABASES = ("CreateTableDefaultPermissions", "TargetDatabase")
_OTHER_OF_TABLES = ("LastAccessTime", "LastAnalyzedTime", "Retention", "TargetTable")
_OTHER_OF_PARTITIONS = ("LastAccessTime", "LastAnalyzedTime")

Item = TypeVar("Item")


def check_catalog(catalog_id: str | None, account: Account) -> None:
    """Raises ResourceNotFound where a request is about the catalog of another account."""
    if catalog_id not in (None, account.account_id):
        raise ResourceNotFound(
            f"there is no catalog {catalog_id!r}: that of account {account.account_id} is served"
            " here, and meant where CatalogId is left out"
        )


def refuse(**members: object) -> None:
    """Raises ValidationError where one of these members is given: each would change the answer, and
    is not served here.
    """
    for member, value in members.items():
        is_absent = isinstance(value, msgspec.Raw) and bytes(value) in (b"", b"null")
        if value is not None and not is_absent:
            raise ValidationError(f"{member} is not served here: leave it out")


def error_detail(error: TandemError) -> shapes.ErrorDetail:
    """What the answer to a batch says of one that failed."""
    code = error_code(error, Dialect.GLUE)
    return shapes.ErrorDetail(error_code=code.code, error_message=str(error))


def database_of(given: database_shapes.DatabaseInput) -> CatalogDatabase:
    refuse(FederatedDatabase=given.federated_database)
    return CatalogDatabase(
        name=given.name,
        description=given.description,
        location=given.location_uri,
        parameters=given.parameters or {},
        other=_members(given, _OTHER_OF_DATABASES),
    )


def described_database(database: CatalogDatabase, account: Account) -> database_shapes.Database:
    return _shape(
        database_shapes.Database,
        {
            "Name": database.name,
            "Description": database.description,
            "LocationUri": database.location,
            "Parameters": dict(database.parameters),
            "CreateTime": database.created_at_us / 1e6,
            "CatalogId": account.account_id,
            **database.other,
        },
    )


def table_of(database: str, given: table_shapes.TableInput | None) -> CatalogTable:
    if given is None:
        raise ValidationError("TableInput is missing: say what the table is")
    refuse(FederatedTable=given.federated_table, ViewDefinition=given.view_definition)
    return CatalogTable(
        database=database,
        name=given.name,
        **_storage(given.storage_descriptor),
        partition_keys=_columns(given.partition_keys),
        parameters=given.parameters or {},
        table_type=given.table_type,
        view_original_text=given.view_original_text,
        view_expanded_text=given.view_expanded_text,
        description=given.description,
        owner=given.owner,
        other=_members(given, _OTHER_OF_TABLES),
    )


def described_table(table: CatalogTable, account: Account) -> table_shapes.Table:
    return _shape(
        table_shapes.Table,
        {
            "Name": table.name,
            "DatabaseName": table.database,
            "Description": table.description,
            "Owner": table.owner,
            "CreateTime": table.created_at_us / 1e6,
            "UpdateTime": table.updated_at_us / 1e6,
            "Retention": 0,
            "StorageDescriptor": _descriptor(table),
            "PartitionKeys": [_column(column) for column in table.partition_keys],
            "ViewOriginalText": table.view_original_text,
            "ViewExpandedText": table.view_expanded_text,
            "TableType": table.table_type,
            "Parameters": dict(table.parameters),
            "IsRegisteredWithLakeFormation": False,
            "CatalogId": account.account_id,
            "VersionId": str(table.version),
            **table.other,
        },
    )


def partition_of(given: partition_shapes.PartitionInput) -> CatalogPartition:
    return CatalogPartition(
        values=tuple(given.values or ()),
        **_storage(given.storage_descriptor),
        parameters=given.parameters or {},
        other=_members(given, _OTHER_OF_PARTITIONS),
    )


def described_partition(
    partition: CatalogPartition, table: CatalogTable, account: Account, *, columns: bool = True
) -> partition_shapes.Partition:
    descriptor = _descriptor(partition)
    if not columns:
        descriptor = {**descriptor, "Columns": []}
    return _shape(
        partition_shapes.Partition,
        {
            "Values": list(partition.values),
            "DatabaseName": table.database,
            "TableName": table.name,
            "CreationTime": partition.created_at_us / 1e6,
            "StorageDescriptor": descriptor,
            "Parameters": dict(partition.parameters),
            "CatalogId": account.account_id,
            **partition.other,
        },
    )


def _storage(given: shapes.StorageDescriptor | None) -> dict[str, Any]:
    """What a descriptor says, as arguments for a value of the catalog."""
    if given is None:
        return {}
    serde = given.serde_info or shapes.SerDeInfo()
    other = msgspec.to_builtins(given)
    return {
        "columns": _columns(given.columns),
        "location": given.location,
        "input_format": given.input_format,
        "output_format": given.output_format,
        "serde": serde.serialization_library,
        "serde_name": serde.name,
        "serde_parameters": serde.parameters or {},
        "other_storage": {name: other[name] for name in other if name not in _INTERPRETED},
    }


def _descriptor(storage: CatalogStorage) -> dict[str, Any]:
    serde = {
        "Name": storage.serde_name,
        "SerializationLibrary": storage.serde,
        "Parameters": dict(storage.serde_parameters) or None,
    }
    given = {name: value for name, value in serde.items() if value is not None}
    return {
        **_STORAGE_DEFAULTS,
        "Columns": [_column(column) for column in storage.columns],
        "Location": storage.location,
        "InputFormat": storage.input_format,
        "OutputFormat": storage.output_format,
        "SerdeInfo": given or None,
        **storage.other_storage,
    }


def _columns(given: Sequence[shapes.Column] | None) -> tuple[CatalogColumn, ...]:
    return tuple(
        CatalogColumn(one.name, one.type or "", one.comment, one.parameters or {})
        for one in given or ()
    )


def _column(column: CatalogColumn) -> dict[str, Any]:
    return {
        "Name": column.name,
        "Type": column.type or None,
        "Comment": column.comment,
        "Parameters": dict(column.parameters) or None,
    }


def _members(given: Shape, names: Sequence[str]) -> dict[str, Any]:
    """The members of these names that are given."""
    members = msgspec.to_builtins(given)
    return {name: members[name] for name in names if name in members}


def _shape(kind: type[Item], members: Mapping[str, Any]) -> Item:
    return msgspec.convert(members, kind)
