"""A table of files read plainly, whole into memory: what the seam means, without an engine."""

import csv
import gzip
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tandem.errors import QueryFailed
from tandem.query.tables import DelimitedText, FileTable, JsonLines, ParquetFiles, TableFile

_EPOCH = datetime(1970, 1, 1)
_NUMBER = re.compile(r"\s*[+-]?[0-9]+(\.[0-9]*)?\s*")


def file_rows(table: FileTable) -> pa.Table:
    """All rows, in the order of the files. Raises QueryFailed where a value does not fit."""
    schema = pa.schema([*table.columns, *table.partitions])
    parts = [_rows_of(table, file).cast(schema) for file in table.files]
    return pa.concat_tables([schema.empty_table(), *parts])


def _rows_of(table: FileTable, file: TableFile) -> pa.Table:
    match table.format:
        case ParquetFiles():
            rows = _parquet(table, file.path)
        case JsonLines():
            rows = _json(table, file.path)
        case DelimitedText():
            rows = _text(table, table.format, file.path)
    for field, value in zip(table.partitions, file.partition, strict=True):
        column = pa.repeat(pa.scalar(value, pa.string()), rows.num_rows).cast(field.type)
        rows = rows.append_column(field, column)
    return rows


def _parquet(table: FileTable, path: str) -> pa.Table:
    with pq.ParquetFile(path) as file:
        rows = file.read()
    there = {name.lower(): name for name in rows.column_names}
    return pa.table(
        [
            rows.column(there[field.name.lower()]).cast(field.type)
            if field.name.lower() in there
            else pa.nulls(rows.num_rows, field.type)
            for field in table.columns
        ],
        schema=table.columns,
    )


def _json(table: FileTable, path: str) -> pa.Table:
    rows = [json.loads(line) for line in _opened(path) if line.strip()]
    columns = [[row.get(field.name) for row in rows] for field in table.columns]
    return _typed(table, columns)


def _text(table: FileTable, form: DelimitedText, path: str) -> pa.Table:
    lines = csv.reader(
        _opened(path),
        delimiter=form.delimiter,
        quotechar=form.quote or None,
        quoting=csv.QUOTE_MINIMAL if form.quote else csv.QUOTE_NONE,
        escapechar=None if form.escape == form.quote else form.escape or None,
        doublequote=form.quote == form.escape,
    )
    rows = [line for line in lines if line][form.header_lines :]
    readers = [_reader(field, place, form) for place, field in enumerate(table.columns)]
    columns = [
        [read(row[place]) if place < len(row) else None for row in rows]
        for place, read in enumerate(readers)
    ]
    return _typed(table, columns)


def _opened(path: str) -> Iterator[str]:
    content = Path(path).read_bytes()
    return io.StringIO((gzip.decompress(content) if path.endswith(".gz") else content).decode())


def _typed(table: FileTable, columns: list[list[Any]]) -> pa.Table:
    try:
        return pa.table(
            [
                pa.array(values, field.type)
                for field, values in zip(table.columns, columns, strict=True)
            ],
            schema=table.columns,
        )
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise QueryFailed(f"HIVE_BAD_DATA: {error}") from error


def _reader(field: pa.Field, place: int, form: DelimitedText) -> Callable[[str], Any]:
    convert = _conversion(field.type)

    def read(text: str) -> Any:
        if text == form.null:
            return None
        if pa.types.is_string(field.type):
            return text
        if not form.is_lenient and not text.strip():
            return None
        try:
            return convert(text)
        except ValueError:
            if form.is_lenient:
                return None
            raise QueryFailed(
                f"HIVE_BAD_DATA: Error parsing field value '{text}' for field {place}: it is no"
                f" value of type {field.type}"
            ) from None

    return read


def _conversion(type_: pa.DataType) -> Callable[[str], Any]:
    if pa.types.is_string(type_):
        return str
    if pa.types.is_boolean(type_):
        return _truth
    if pa.types.is_integer(type_):
        return int
    if pa.types.is_floating(type_):
        return float
    if pa.types.is_timestamp(type_):
        return _moment
    if pa.types.is_date(type_):
        return _day
    raise QueryFailed(f"NOT_SUPPORTED: columns of type {type_} in text files are not supported")


def _moment(text: str) -> datetime:
    if _NUMBER.fullmatch(text):
        return _EPOCH + timedelta(milliseconds=float(text))
    found = datetime.fromisoformat(text.strip())
    return found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)


def _day(text: str) -> date:
    if _NUMBER.fullmatch(text):
        return date(1970, 1, 1) + timedelta(days=int(text))
    return date.fromisoformat(text.strip())


def _truth(text: str) -> bool:
    word = text.strip().lower()
    if word not in ("true", "false"):
        raise ValueError(text)
    return word == "true"
