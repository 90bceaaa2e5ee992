"""A table of files as SQL: `SELECT` of its columns with their declared types, then its partitions.

Text is read as text and turned into the declared types here, since each SerDe has its own idea of
a value that does not fit. Names made here have a space, which the names of columns may have too:
those are therefore aliased in a query around the scan.
"""
# ruff: noqa: S608  (the statements are built of quoted names and literals)

from collections.abc import Sequence

import duckdb
import pyarrow as pa

from tandem.errors import QueryFailed
from tandem.query.duckdb.history import path_literal, quoted
from tandem.query.tables import DelimitedText, FileTable, JsonLines, ParquetFiles

_FILE = "its file"
_SQL_TYPES: dict[pa.DataType, str] = {
    pa.bool_(): "BOOLEAN",
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.string(): "VARCHAR",
    pa.binary(): "BLOB",
    pa.date32(): "DATE",
    pa.timestamp("ms"): "TIMESTAMP",
    pa.timestamp("us"): "TIMESTAMP",
}
_NO_NULL = "\x00no text is a null\x00"
_WHOLE_NUMBER = r"\s*[+-]?[0-9]+\s*"
_NUMBER = r"\s*[+-]?[0-9]+(\.[0-9]*)?\s*"


def files_sql(cursor: duckdb.DuckDBPyConnection, table: FileTable, partitions: str) -> str:
    """The rows of a table of files.

    partitions   a name for the relation of the partitions, which nothing else on the cursor has
    """
    names = [field.name for field in (*table.columns, *table.partitions)]
    if not table.files:
        nothing = ", ".join(
            f"NULL::{sql_type(field.type)} AS {quoted(field.name)}"
            for field in (*table.columns, *table.partitions)
        )
        return f"SELECT {nothing} WHERE false"
    scan, values = _scan(cursor, table)
    selected = [
        f"{value} AS {quoted(name)}"
        for value, name in zip(values, names[: len(values)], strict=True)
    ]
    if not table.partitions:
        return f"SELECT {', '.join(selected)} FROM {scan} AS scan"
    cursor.register(partitions, _partition_rows(table))
    selected += [
        f"part.{quoted(f'part {place}')}::{sql_type(field.type)} AS {quoted(field.name)}"
        for place, field in enumerate(table.partitions)
    ]
    return (
        f"SELECT {', '.join(selected)} FROM {scan} AS scan"
        f" JOIN temp.main.{quoted(partitions)} AS part"
        f" ON scan.{quoted(_FILE)} = part.{quoted(_FILE)}"
    )


def sql_type(type_: pa.DataType) -> str:
    """DuckDB's name of a type of Arrow. Raises QueryFailed where it has none."""
    if type_ in _SQL_TYPES:
        return _SQL_TYPES[type_]
    if pa.types.is_decimal(type_):
        return f"DECIMAL({type_.precision},{type_.scale})"
    if pa.types.is_map(type_):
        return f"MAP({sql_type(type_.key_type)}, {sql_type(type_.item_type)})"
    if pa.types.is_list(type_):
        return f"{sql_type(type_.value_type)}[]"
    if pa.types.is_struct(type_):
        inside = ", ".join(f"{quoted(field.name)} {sql_type(field.type)}" for field in type_)
        return f"STRUCT({inside})"
    raise QueryFailed(f"columns of type {type_} are not read from files")


def _partition_rows(table: FileTable) -> pa.Table:
    columns = [pa.array([file.path for file in table.files], pa.string())]
    columns += [
        pa.array([file.partition[place] for file in table.files], pa.string())
        for place in range(len(table.partitions))
    ]
    return pa.table(columns, [_FILE, *(f"part {place}" for place in range(len(columns) - 1))])


def _scan(cursor: duckdb.DuckDBPyConnection, table: FileTable) -> tuple[str, Sequence[str]]:
    """What to select from, and each column's value there."""
    paths = ", ".join(path_literal(file.path) for file in table.files)
    match table.format:
        case ParquetFiles():
            return _parquet(cursor, table, paths)
        case JsonLines():
            return _json(table, paths)
        case DelimitedText():
            return _text(table, table.format, paths)


def _parquet(
    cursor: duckdb.DuckDBPyConnection, table: FileTable, paths: str
) -> tuple[str, Sequence[str]]:
    scan = (
        f"read_parquet([{paths}], hive_partitioning = false, union_by_name = true,"
        f" filename = '{_FILE}')"
    )
    there = {name.lower() for name in cursor.sql(f"SELECT * FROM {scan} LIMIT 0").columns}
    return scan, [
        f"{f'scan.{quoted(field.name)}' if field.name.lower() in there else 'NULL'}"
        f"::{sql_type(field.type)}"
        for field in table.columns
    ]


def _json(table: FileTable, paths: str) -> tuple[str, Sequence[str]]:
    columns = ", ".join(
        f"{_literal(field.name)}: {_literal(sql_type(field.type))}" for field in table.columns
    )
    scan = (
        f"read_json([{paths}], format = 'newline_delimited', auto_detect = false,"
        f" hive_partitioning = false, columns = {{{columns}}}, filename = '{_FILE}')"
    )
    return scan, [f"scan.{quoted(field.name)}" for field in table.columns]


def _text(table: FileTable, form: DelimitedText, paths: str) -> tuple[str, Sequence[str]]:
    columns = ", ".join(f"'value {place}': 'VARCHAR'" for place in range(len(table.columns)))
    # One thread a scan: several cannot pad short lines where values in quotes go over lines.
    scan = (
        f"read_csv([{paths}], auto_detect = false, header = false, hive_partitioning = false,"
        f" delim = {_literal(form.delimiter)}, quote = {_literal(form.quote)},"
        f" escape = {_literal(form.escape)}, skip = {form.header_lines},"
        f" nullstr = {_literal(_NO_NULL if form.null is None else form.null)},"
        f" null_padding = true, strict_mode = false, parallel = false,"
        f" columns = {{{columns}}}, filename = '{_FILE}')"
    )
    return scan, [
        _value(f"scan.{quoted(f'value {place}')}", place, field.type, is_lenient=form.is_lenient)
        for place, field in enumerate(table.columns)
    ]


def _value(text: str, place: int, type_: pa.DataType, *, is_lenient: bool) -> str:
    """The value of a declared type that a text stands for."""
    name = sql_type(type_)
    if pa.types.is_string(type_):
        return text
    if pa.types.is_nested(type_):
        raise QueryFailed(f"NOT_SUPPORTED: columns of type {type_} in text files are not supported")
    if is_lenient:
        # Within a CASE, since DuckDB lets a bare cast decide what its reader takes for an error.
        return f"CASE WHEN {text} IS NOT NULL THEN TRY_CAST({text} AS {name}) END"
    found = f"TRY_CAST({text} AS {name})"
    if pa.types.is_integer(type_):
        found = f"CASE WHEN regexp_full_match({text}, '{_WHOLE_NUMBER}') THEN {found} END"
    elif pa.types.is_timestamp(type_):
        moment = f"TRY_CAST(TRY_CAST({text} AS TIMESTAMPTZ) AS TIMESTAMP)"
        counted = f"make_timestamp(TRY_CAST({text} AS DECIMAL(38, 3))::BIGINT * 1000)"
        found = f"CASE WHEN regexp_full_match({text}, '{_NUMBER}') THEN {counted} ELSE {moment} END"
    elif pa.types.is_date(type_):
        counted = f"DATE '1970-01-01' + TRY_CAST({text} AS INTEGER)"
        found = (
            f"CASE WHEN regexp_full_match({text}, '{_WHOLE_NUMBER}') THEN {counted}"
            f" ELSE {found} END"
        )
    complaint = (
        f"error('HIVE_BAD_DATA: Error parsing field value ''' || {text} ||"
        f" ''' for field {place}: it is no value of type {name.lower()}')"
    )
    return f"CASE WHEN trim({text}) = '' THEN NULL ELSE COALESCE({found}, {complaint}) END"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
