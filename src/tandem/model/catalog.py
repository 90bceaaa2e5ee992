"""The data catalog: databases, tables and partitions, as Hive and Glue describe them.

    database ─┬─ table ─── partition      values, one for each partition key
              └─ view

A catalog says where data is and how it is read; it holds no data. Names are in lower case, since
SQL engines compare them so; `folded` makes them. What Tandem does not interpret stands under the
name that Glue has for it, in `other` and `other_storage`, and comes back as it was given.

Pure checks; each raises ValidationError that names the member and the value.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tandem.errors import ValidationError
from tandem.model import limits
from tandem.model.labels import check_tags

_NAME = re.compile("[\t\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]+")
_TEXT = re.compile("[\t\r\n\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
_QUOTED_LENGTH = 80

VIEW = "VIRTUAL_VIEW"
EXTERNAL_TABLE = "EXTERNAL_TABLE"
TABLE_TYPE = "table_type"
ICEBERG = "ICEBERG"
METADATA_LOCATION = "metadata_location"
PREVIOUS_METADATA_LOCATION = "previous_metadata_location"


@dataclass(frozen=True, slots=True)
class CatalogColumn:
    """A column of a table, or a partition key. `type` is Hive's word: `bigint`, `array<double>`."""

    name: str
    type: str = ""
    comment: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class CatalogStorage:
    """Where the data of a table or a partition is, and how it is read.

    serde          the class that reads a row, as `org.apache.hadoop.hive.serde2.OpenCSVSerde`
    other_storage  what else a client said of the storage, under Glue's names
    """

    columns: tuple[CatalogColumn, ...] = ()
    location: str | None = None
    input_format: str | None = None
    output_format: str | None = None
    serde: str | None = None
    serde_name: str | None = None
    serde_parameters: Mapping[str, str] = field(default_factory=dict)
    other_storage: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class CatalogDatabase:
    """`created_at_us` and `database_id`, which is never used twice, are given by the catalog."""

    name: str
    description: str | None = None
    location: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    other: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    created_at_us: int = 0
    database_id: str = ""


@dataclass(frozen=True, kw_only=True)
class CatalogTable(CatalogStorage):
    """A table or a view.

    table_type  EXTERNAL_TABLE, VIRTUAL_VIEW or another word; None where the client gave none
    other       what else a client said of the table, under Glue's names
    group_id    the feature group whose history the table is; None for a table of its own

    The catalog gives what follows: when the table was made and last changed, its version, which
    grows with every change, and its id, which is never used twice.
    """

    database: str
    name: str
    partition_keys: tuple[CatalogColumn, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    table_type: str | None = None
    view_original_text: str | None = None
    view_expanded_text: str | None = None
    description: str | None = None
    owner: str | None = None
    other: Mapping[str, Any] = field(default_factory=dict)
    group_id: str | None = None
    created_at_us: int = 0
    updated_at_us: int = 0
    version: int = 0
    table_id: str = ""

    @property
    def is_view(self) -> bool:
        return self.table_type == VIEW

    @property
    def is_iceberg(self) -> bool:
        return self.parameters.get(TABLE_TYPE, "").upper() == ICEBERG


@dataclass(frozen=True, kw_only=True)
class CatalogPartition(CatalogStorage):
    """The part of a table whose partition keys have these `values`, in the order of the keys."""

    values: tuple[str, ...]
    parameters: Mapping[str, str] = field(default_factory=dict)
    other: Mapping[str, Any] = field(default_factory=dict)
    created_at_us: int = 0


def folded(name: str) -> str:
    """The name as the catalog has it. Names that are equal so are one."""
    return name.lower()


def with_folded_names(table: CatalogTable) -> CatalogTable:
    """The table with all its names in lower case."""
    return replace(
        table,
        database=folded(table.database),
        name=folded(table.name),
        columns=_with_folded_names(table.columns),
        partition_keys=_with_folded_names(table.partition_keys),
    )


def check_database(database: CatalogDatabase) -> None:
    check_catalog_name("the name of a database", database.name)
    _check_text("Description", database.description, limits.CATALOG_DESCRIPTION_LENGTH_MAX)
    location_length_max = limits.CATALOG_DATABASE_LOCATION_LENGTH_MAX
    _check_text("LocationUri", database.location, location_length_max)
    _check_parameters("Parameters", database.parameters)
    check_tags(database.tags.items())


def check_table(table: CatalogTable) -> None:
    check_catalog_name("the name of a database", table.database)
    check_catalog_name("the name of a table", table.name)
    _check_storage(table)
    _check_columns("PartitionKeys", table.partition_keys)
    keys = [folded(key.name) for key in table.partition_keys]
    if twice := {key for key in keys if keys.count(key) > 1}:
        raise ValidationError(f"PartitionKeys names {sorted(twice)} more than once")
    _check_parameters("Parameters", table.parameters)
    _check_text("TableType", table.table_type, limits.CATALOG_TABLE_TYPE_LENGTH_MAX)
    _check_text("ViewOriginalText", table.view_original_text, limits.CATALOG_VIEW_LENGTH_MAX)
    _check_text("ViewExpandedText", table.view_expanded_text, limits.CATALOG_VIEW_LENGTH_MAX)
    _check_text("Description", table.description, limits.CATALOG_DESCRIPTION_LENGTH_MAX)
    if table.owner is not None:
        check_catalog_name("Owner", table.owner)


def check_partition(table: CatalogTable, partition: CatalogPartition) -> None:
    """Whether `partition` can be one of `table`."""
    check_partition_values(table, partition.values)
    _check_storage(partition)
    _check_parameters("Parameters", partition.parameters)


def check_partition_values(table: CatalogTable, values: Sequence[str]) -> None:
    """One value for each partition key of `table`."""
    if len(values) != len(table.partition_keys):
        keys = [key.name for key in table.partition_keys]
        raise ValidationError(
            f"{len(values)} partition values for table {table.name!r}, whose partition keys are"
            f" {keys}: give one value for each"
        )
    for value in values:
        if not 1 <= len(value) <= limits.PARTITION_VALUE_LENGTH_MAX:
            raise ValidationError(
                f"partition value {value[:_QUOTED_LENGTH]!r} is not valid:"
                f" 1 to {limits.PARTITION_VALUE_LENGTH_MAX} characters"
            )


def check_catalog_name(what: str, name: str) -> None:
    if not 1 <= len(name) <= limits.CATALOG_NAME_LENGTH_MAX or not _NAME.fullmatch(name):
        raise ValidationError(
            f"{what} {name[:_QUOTED_LENGTH]!r} is not valid: 1 to {limits.CATALOG_NAME_LENGTH_MAX}"
            " characters, no line breaks or control characters"
        )


def _with_folded_names(columns: Iterable[CatalogColumn]) -> tuple[CatalogColumn, ...]:
    return tuple(replace(column, name=folded(column.name)) for column in columns)


def _check_storage(storage: CatalogStorage) -> None:
    _check_columns("Columns", storage.columns)
    _check_text("Location", storage.location, limits.CATALOG_LOCATION_LENGTH_MAX)
    _check_text("InputFormat", storage.input_format, limits.CATALOG_FORMAT_LENGTH_MAX)
    _check_text("OutputFormat", storage.output_format, limits.CATALOG_FORMAT_LENGTH_MAX)
    for member, name in (("SerializationLibrary", storage.serde), ("Name", storage.serde_name)):
        if name is not None:
            check_catalog_name(f"{member} of SerdeInfo", name)
    _check_parameters("Parameters of SerdeInfo", storage.serde_parameters)


def _check_columns(member: str, columns: Iterable[CatalogColumn]) -> None:
    for column in columns:
        check_catalog_name(f"a name in {member}", column.name)
        place = f"{member} {column.name!r}"
        _check_text(f"Type of {place}", column.type, limits.CATALOG_TYPE_LENGTH_MAX)
        _check_text(f"Comment of {place}", column.comment, limits.CATALOG_COMMENT_LENGTH_MAX)
        _check_parameters(f"Parameters of {place}", column.parameters)


def _check_parameters(member: str, parameters: Mapping[str, str]) -> None:
    for key, value in parameters.items():
        check_catalog_name(f"a key of {member}", key)
        if len(value) > limits.CATALOG_PARAMETER_LENGTH_MAX:
            raise ValidationError(
                f"{key!r} of {member} has {len(value)} characters;"
                f" {limits.CATALOG_PARAMETER_LENGTH_MAX} are allowed"
            )


def _check_text(member: str, text: str | None, length_max: int) -> None:
    if text is None:
        return
    if len(text) > length_max:
        raise ValidationError(f"{member} has {len(text)} characters; {length_max} are allowed")
    if not _TEXT.fullmatch(text):
        raise ValidationError(
            f"{member} {text[:_QUOTED_LENGTH]!r} is not valid: no control characters but tabs and"
            " line breaks"
        )
