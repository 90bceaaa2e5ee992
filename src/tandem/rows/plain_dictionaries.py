"""Dictionaries of string views, as Polars makes of its categories, turned into those of plain text.

Arrow can hardly do anything with the former: not decode, nor cast, nor write them.
"""

from collections.abc import Iterable, Iterator

import pyarrow as pa


def with_plain_dictionaries(table: pa.Table) -> pa.Table:
    """The same rows; the same table where it has no such column."""
    schema = plain_schema(table.schema)
    if schema.equals(table.schema):
        return table
    columns = [
        pa.chunked_array([_plain(chunk, field.type) for chunk in column.chunks], field.type)
        for column, field in zip(table.columns, schema, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def batches_with_plain_dictionaries(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """The same batches in their `plain_schema`."""
    for batch in batches:
        columns = [
            _plain(column, field.type) for column, field in zip(batch.columns, schema, strict=True)
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """The schema without such types."""
    fields = [field.with_type(_plain_type(field.type)) for field in schema]
    return pa.schema(fields, metadata=schema.metadata)


def _plain_type(type_: pa.DataType) -> pa.DataType:
    if not pa.types.is_dictionary(type_) or not pa.types.is_string_view(type_.value_type):
        return type_
    return pa.dictionary(type_.index_type, pa.large_string(), type_.ordered)


def _plain(array: pa.Array, type_: pa.DataType) -> pa.Array:
    if array.type == type_:
        return array
    values = array.dictionary.cast(pa.large_string())
    return pa.DictionaryArray.from_arrays(array.indices, values, ordered=type_.ordered)
