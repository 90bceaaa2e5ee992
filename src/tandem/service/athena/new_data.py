"""Statements that write rows: CREATE TABLE AS, INSERT INTO, UNLOAD."""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from tandem.errors import QueryFailed, ResourceInUse, ResourceNotFound, ValidationError
from tandem.model.catalog import EXTERNAL_TABLE, CatalogColumn, CatalogPartition, CatalogTable
from tandem.model.feature_group import FeatureGroup
from tandem.query.athena import statements as kinds
from tandem.query.athena.statements import AthenaStatement
from tandem.query.athena.types import arrow_type, athena_type, hive_type
from tandem.query.tables import DelimitedText, FileFormat, JsonLines, ParquetFiles
from tandem.service.athena import serdes
from tandem.service.athena.context import Answer, StatementContext
from tandem.service.athena.external_tables import partition_location
from tandem.service.athena.lake import Location, location_of
from tandem.service.athena.pending_writes import MADE_BY, TableName
from tandem.service.athena.relations import Relations
from tandem.service.athena.statements import Performer
from tandem.service.athena.written_data import DataWriting, Target, Written, brought_to
from tandem.service.catalog import Catalog

_IN_TABLES = frozenset(
    {
        *("boolean", "tinyint", "smallint", "integer", "bigint", "float", "double", "decimal"),
        *("varchar", "varbinary", "date", "timestamp", "array", "map", "row"),
    }
)
_CTAS_PROPERTIES = frozenset(
    {
        *("format", "external_location", "partitioned_by", "field_delimiter", "table_type"),
        *("write_compression", "parquet_compression", "is_external"),
    }
)
_UNLOAD_PROPERTIES = frozenset({"format", "compression", "partitioned_by", "field_delimiter"})
_CONTROL_A = "\x01"


class DataStatements:
    def __init__(self, catalog: Catalog, relations: Relations, writing: DataWriting) -> None:
        self._catalog = catalog
        self._relations = relations
        self._writing = writing

    @property
    def performers(self) -> Mapping[type[AthenaStatement], Performer]:
        return {
            kinds.CreateTableAs: self.create_table_as,
            kinds.Insert: self.insert,
            kinds.Unload: self.unload,
        }

    def create_table_as(self, statement: kinds.CreateTableAs, context: StatementContext) -> Answer:
        _check_properties(statement.properties, _CTAS_PROPERTIES)
        if str(statement.properties.get("table_type", "HIVE")).upper() != "HIVE":
            raise QueryFailed(
                "NOT_SUPPORTED: CREATE TABLE AS with table_type ICEBERG is not supported"
            )
        name = TableName(
            (statement.table.database or context.database).lower(), statement.table.table.lower()
        )
        if self._is_taken(name):
            if statement.if_not_exists:
                return _written(Written(0, (), {}))
            raise _exists(name)
        location = self._new_location(statement.external_location, context)
        form = _format(statement.format or "PARQUET", statement.properties)
        with self._relations.rows(statement.query, context) as answer:
            target = self._target(answer, location, form, statement.properties)
            table = _described(name, target, context)
            rows = answer if statement.with_data else Answer(answer.schema, iter(()))
            with self._writing.written(_ordered(rows, target), target, context, name) as written:
                try:
                    self._catalog.create_table(table)
                except ResourceInUse:
                    raise _exists(name) from None
                except (ResourceNotFound, ValidationError) as error:
                    raise QueryFailed(f"FAILED: {error}") from error
                self._add_partitions(table, written)
            return _written(written, answer.scanned_bytes)

    def insert(self, statement: kinds.Insert, context: StatementContext) -> Answer:
        found = self._relations.find(statement.table, context.database)
        if isinstance(found, FeatureGroup):
            raise append_only(found)
        if found.is_view or found.is_iceberg:
            what = "views" if found.is_view else "Iceberg tables of their own"
            raise QueryFailed(f"NOT_SUPPORTED: INSERT INTO {what} is not supported")
        form = serdes.file_format(found, found.parameters)
        columns = [*found.columns, *found.partition_keys]
        schema = pa.schema([(column.name, arrow_type(column.type)) for column in columns])
        places = {
            partition.values: partition_location(found, partition)
            for partition in self._partitions(found)
        }
        target = Target(
            location=location_of(found.location or ""),
            schema=schema,
            format=form,
            compression=found.parameters.get("write.compression"),
            partition_count=len(found.partition_keys),
            places=places,
        )
        with self._relations.rows(statement.query, context) as answer:
            order = _order(statement.columns, answer.schema, schema)
            rows = brought_to(answer, schema, order)
            with self._writing.written(rows, target, context) as written:
                self._add_partitions(found, written)
            return _written(written, answer.scanned_bytes)

    def unload(self, statement: kinds.Unload, context: StatementContext) -> Answer:
        _check_properties(statement.properties, _UNLOAD_PROPERTIES)
        location = _location(statement.location)
        self._writing.check_empty(location)
        form = _format(str(statement.properties["format"]).upper(), statement.properties)
        with self._relations.rows(statement.query, context) as answer:
            target = self._target(answer, location, form, statement.properties)
            with self._writing.written(_ordered(answer, target), target, context) as written:
                pass
            return _written(written, answer.scanned_bytes)

    def _partitions(self, table: CatalogTable) -> Sequence[CatalogPartition]:
        if not table.partition_keys:
            return ()
        return self._catalog.partitions(table.database, table.name)

    def _is_taken(self, name: TableName) -> bool:
        try:
            self._catalog.database(name.database)
        except (ResourceNotFound, ValidationError):
            raise QueryFailed(f"SCHEMA_NOT_FOUND: Schema {name.database} does not exist") from None
        try:
            self._catalog.table(*name)
        except (ResourceNotFound, ValidationError):
            return False
        return True

    def _new_location(self, uri: str | None, context: StatementContext) -> Location:
        if uri is not None:
            location = _location(uri)
        elif context.output_location is not None:
            location = location_of(context.output_location).below(context.statement_id)
        else:
            raise QueryFailed(
                "the statement needs WITH (external_location = 's3://bucket/folder/'), since there"
                " is no place for results"
            )
        self._writing.check_empty(location)
        return location

    def _target(
        self, answer: Answer, location: Location, form: FileFormat, properties: Mapping[str, object]
    ) -> Target:
        _check_columns(answer.schema)
        keys = _partition_keys(properties, answer.schema)
        compression = next(
            (
                str(properties[name])
                for name in ("write_compression", "parquet_compression", "compression")
                if name in properties
            ),
            None,
        )
        return Target(
            location=location,
            schema=pa.schema([_stored(field) for field in answer.schema]),
            format=form,
            compression=compression,
            partition_count=len(keys),
            is_new=True,
        )

    def _add_partitions(self, table: CatalogTable, written: Written) -> None:
        new = [
            CatalogPartition(
                values=values,
                location=str(location).rstrip("/"),
                columns=table.columns,
                input_format=table.input_format,
                output_format=table.output_format,
                serde=table.serde,
                serde_parameters=table.serde_parameters,
            )
            for values, location in written.partitions.items()
            if values
        ]
        if new:
            self._catalog.create_partitions(table.database, table.name, new)


def append_only(group: FeatureGroup) -> QueryFailed:
    return QueryFailed(
        f"NOT_SUPPORTED: the history of feature group {group.name!r} is append-only: put records"
        " (PutRecord), and rows come by themselves"
    )


def _described(name: TableName, target: Target, context: StatementContext) -> CatalogTable:
    serde, input_format, output_format = _CLASSES[type(target.format)]
    parameters: dict[str, str] = {"EXTERNAL": "TRUE", MADE_BY: context.statement_id}
    serde_parameters = {"serialization.format": "1"}
    if isinstance(target.format, DelimitedText):
        delimiter = target.format.delimiter
        serde_parameters = {"field.delim": delimiter, "serialization.format": delimiter}
    columns = [CatalogColumn(field.name, hive_type(field.type)) for field in target.schema]
    width = len(columns) - target.partition_count
    return CatalogTable(
        database=name.database,
        name=name.name,
        table_type=EXTERNAL_TABLE,
        columns=tuple(columns[:width]),
        partition_keys=tuple(columns[width:]),
        location=str(target.location).rstrip("/"),
        input_format=input_format,
        output_format=output_format,
        serde=serde,
        serde_parameters=serde_parameters,
        parameters=parameters,
    )


_CLASSES = {
    ParquetFiles: (serdes.PARQUET, serdes.PARQUET_INPUT, serdes.PARQUET_OUTPUT),
    DelimitedText: (serdes.LAZY_SIMPLE, serdes.TEXT_INPUT, serdes.TEXT_OUTPUT),
    JsonLines: (serdes.JSON, serdes.TEXT_INPUT, serdes.TEXT_OUTPUT),
}


def _format(name: str, properties: Mapping[str, object]) -> FileFormat:
    match name.upper():
        case "PARQUET":
            return ParquetFiles()
        case "JSON":
            return JsonLines()
        case "TEXTFILE" | "CSV":
            default = "," if name.upper() == "CSV" else _CONTROL_A
            delimiter = str(properties.get("field_delimiter", default))
            if len(delimiter) != 1:
                raise QueryFailed(f"field_delimiter {delimiter!r} is not one character")
            return DelimitedText(delimiter=delimiter, escape="\\", null="\\N", is_lenient=True)
    raise QueryFailed(
        f"NOT_SUPPORTED: the format {name} is not supported: use PARQUET, TEXTFILE or JSON"
    )


def _check_properties(properties: Mapping[str, object], known: frozenset[str]) -> None:
    for name in properties:
        if name not in known:
            raise QueryFailed(
                f"NOT_SUPPORTED: the property {name} is not supported; there are"
                f" {', '.join(sorted(known))}"
            )


def _check_columns(schema: pa.Schema) -> None:
    names = [name.lower() for name in schema.names]
    for place, field in enumerate(schema):
        if names.count(names[place]) > 1:
            raise QueryFailed(
                f"DUPLICATE_COLUMN_NAME: Column name '{field.name}' specified more than once"
            )
        kind = athena_type(field.type)
        if kind.split("(")[0] not in _IN_TABLES:
            raise QueryFailed(
                f"NOT_SUPPORTED: Unsupported Hive type: {kind}: column {field.name} cannot be"
                " stored; cast it to another type"
            )


def _stored(field: pa.Field) -> pa.Field:
    return pa.field(field.name.lower(), arrow_type(hive_type(field.type)))


def _partition_keys(properties: Mapping[str, object], schema: pa.Schema) -> tuple[str, ...]:
    wanted = properties.get("partitioned_by", ())
    keys = (
        tuple(str(key).lower() for key in wanted) if isinstance(wanted, tuple) else (str(wanted),)
    )
    names = [name.lower() for name in schema.names]
    if keys and names[-len(keys) :] != list(keys):
        raise QueryFailed(
            "HIVE_COLUMN_ORDER_MISMATCH: Partition keys must be the last columns in the table and"
            f" in the same order as the table properties: {list(keys)}"
        )
    if len(keys) == len(names):
        raise QueryFailed("INVALID_TABLE_PROPERTY: a table has a column that is no partition key")
    return keys


def _ordered(answer: Answer, target: Target) -> Answer:
    return brought_to(answer, target.schema, range(len(target.schema)))


def _order(named: Sequence[str], rows: pa.Schema, table: pa.Schema) -> list[int | None]:
    """For each column of the table, the place of its values in the rows."""
    wanted = [name.lower() for name in named] or table.names
    for name in wanted:
        if name not in table.names:
            raise QueryFailed(
                f"COLUMN_NOT_FOUND: Insert column name does not exist in target table: {name}"
            )
    if len(set(wanted)) < len(wanted):
        raise QueryFailed(
            f"DUPLICATE_COLUMN_NAME: Insert column name is specified more than once: {wanted}"
        )
    if len(wanted) != len(rows):
        shown = ", ".join(athena_type(field.type) for field in rows)
        raise QueryFailed(
            f"TYPE_MISMATCH: Insert query has {len(rows)} expression(s) ({shown}) but {len(wanted)}"
            " target column(s)"
        )
    return [wanted.index(name) if name in wanted else None for name in table.names]


def _location(uri: str) -> Location:
    try:
        return location_of(uri)
    except ValidationError as error:
        raise QueryFailed(f"FAILED: {error}") from None


def _written(written: Written, scanned_bytes: int = 0) -> Answer:
    files = tuple(str(file) for file in written.files)
    return Answer(pa.schema([]), iter(()), scanned_bytes, files, written.rows)


def _exists(name: TableName) -> QueryFailed:
    return QueryFailed(f"TABLE_ALREADY_EXISTS: Table '{name.database}.{name.name}' already exists")
