"""String views, of which Polars' frames are made, and dictionaries of them, turned into plain text.

Arrow can hardly do anything with the former: it takes no rows of them, and can neither decode nor
cast a dictionary of them, nor write it.
"""

from collections.abc import Iterable, Iterator

import pyarrow as pa


def with_plain_text(table: pa.Table) -> pa.Table:
    """The same rows; the same table where it has no such column."""
    schema = plain_schema(table.schema)
    if schema.equals(table.schema):
        return table
    columns = [
        pa.chunked_array([_plain(chunk, field.type) for chunk in column.chunks], field.type)
        for column, field in zip(table.columns, schema, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def batches_with_plain_text(
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
    if pa.types.is_string_view(type_):
        return pa.large_string()
    if pa.types.is_binary_view(type_):
        return pa.large_binary()
    if pa.types.is_dictionary(type_):
        return pa.dictionary(type_.index_type, _plain_type(type_.value_type), type_.ordered)
    return type_


def _plain(array: pa.Array, type_: pa.DataType) -> pa.Array:
    if array.type == type_:
        return array
    if not pa.types.is_dictionary(type_):
        return array.cast(type_)
    values = _plain(array.dictionary, type_.value_type)
    return pa.DictionaryArray.from_arrays(array.indices, values, ordered=type_.ordered)
