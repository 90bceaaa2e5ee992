"""A hash of what a table says, whatever its batches, buffers and Arrow's version.

Definition, version 1. For each column, streams of bytes that run through all rows, each hashed with
SHA-256 on its own:

    valid     one byte a row: 1 where there is a value, 0 where it is null
    value     numbers, booleans (one byte), times, decimals, fixed-size binary: the value's bytes,
              little-endian; zeros for a null; every NaN is the one with bits 7ff8000000000000, or
              7fc00000 in 32 bits; 16 bits are as they are
    length    text, binary, lists: int64, little-endian, of each row; 0 for a null
    text      text (UTF-8), binary: the bytes of all values, one behind the other
    item      lists: the streams of all items, as of a column; null lists have none
    field N   structs: the streams of the N-th field, null where the struct is

A dictionary counts as its values, and text is text however long its offsets are. The hash is the
SHA-256 of this JSON, without spaces and with its keys in this order:

    {"version":1,"rows":N,"columns":[{"name":…,"type":…,"streams":{name:hex,…}},…]}

with the streams by name in the order of the alphabet. It is written "sha256:<hex>".
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tandem.errors import ValidationError
from tandem.rows.rows import Rows

_INTEGERS = {8: pa.int8(), 16: pa.int16(), 32: pa.int32(), 64: pa.int64()}


class ContentHash:
    """Takes batches of one schema. Raises ValidationError for a column of a type without a form."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._rows = 0
        self._columns: list[dict[str, Any]] = [{} for _ in schema]
        self._types = [_type_name(field.name, field.type) for field in schema]
        self.update(pa.RecordBatch.from_pylist([], schema=schema))

    def update(self, batch: pa.RecordBatch) -> None:
        self._rows += batch.num_rows
        for streams, column in zip(self._columns, batch.columns, strict=True):
            _hash_array(streams, "", column)

    def digest(self) -> str:
        said = {
            "version": 1,
            "rows": self._rows,
            "columns": [
                {
                    "name": field.name,
                    "type": type_name,
                    "streams": {name: streams[name].hexdigest() for name in sorted(streams)},
                }
                for field, type_name, streams in zip(
                    self._schema, self._types, self._columns, strict=True
                )
            ],
        }
        text = json.dumps(said, separators=(",", ":"), ensure_ascii=False)
        return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def content_hash(rows: Rows) -> str:
    """The hash of all rows."""
    found = ContentHash(rows.schema)
    for batch in rows.batches():
        found.update(batch)
    return found.digest()


def _hash_array(streams: dict[str, Any], path: str, array: pa.Array) -> None:
    type_ = array.type
    if isinstance(type_, pa.BaseExtensionType):
        return _hash_array(streams, path, array.storage)
    if pa.types.is_dictionary(type_):
        return _hash_array(streams, path, array.dictionary_decode())
    if pa.types.is_string_view(type_) or pa.types.is_binary_view(type_):
        long = pa.large_string() if pa.types.is_string_view(type_) else pa.large_binary()
        return _hash_array(streams, path, array.cast(long))
    _put(streams, f"{path}valid", _fixed(array.is_valid().cast(pa.uint8()), 1))
    if pa.types.is_null(type_):
        return None
    if pa.types.is_struct(type_):
        for number, field in enumerate(array.flatten()):
            _hash_array(streams, f"{path}field {number} ", field)
    elif _is_list(type_):
        _put(streams, f"{path}length", _lengths(pc.list_value_length(array)))
        _hash_array(streams, f"{path}item ", array.flatten())
    elif _is_text(type_):
        _put(streams, f"{path}length", _lengths(pc.binary_length(array)))
        _put(streams, f"{path}text", _text(array))
    else:
        _put(streams, f"{path}value", _values(array))
    return None


def _put(streams: dict[str, Any], name: str, content: Any) -> None:
    if name not in streams:
        streams[name] = hashlib.sha256()
    streams[name].update(content)


def _lengths(lengths: pa.Array) -> Any:
    return _fixed(lengths.cast(pa.int64()).fill_null(0), 8)


def _text(array: pa.Array) -> Any:
    if array.null_count:
        array = array.fill_null(b"" if pa.types.is_binary(array.type) else "")
    if not len(array):
        return b""
    wide = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
    _, offsets, content = array.buffers()
    ends = pa.Array.from_buffers(
        pa.int64() if wide else pa.int32(), len(array) + 1, [None, offsets], offset=array.offset
    )
    first, last = ends[0].as_py(), ends[-1].as_py()
    return memoryview(content)[first:last] if last > first else b""


def _values(array: pa.Array) -> Any:
    type_ = array.type
    if pa.types.is_boolean(type_):
        return _fixed(array.cast(pa.uint8()).fill_null(0), 1)
    if pa.types.is_floating(type_):
        if not pa.types.is_float16(type_) and pc.any(pc.is_nan(array), min_count=0).as_py():
            array = pc.if_else(pc.is_nan(array), pa.scalar(float("nan"), type_), array)
        array = array.view(_INTEGERS[type_.bit_width])
    elif pa.types.is_temporal(type_) and type_.bit_width in _INTEGERS:
        array = array.view(_INTEGERS[type_.bit_width])
    width = type_.bit_width // 8
    if array.null_count:
        zero = bytes(width) if pa.types.is_fixed_size_binary(array.type) else 0
        array = array.fill_null(pa.scalar(zero, array.type))
    return _fixed(array, width)


def _fixed(array: pa.Array, width: int) -> Any:
    """The bytes of an array without nulls."""
    content = array.buffers()[1]
    if content is None or not len(array):
        return b""
    return memoryview(content)[array.offset * width : (array.offset + len(array)) * width]


def _is_list(type_: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_list(type_) or types.is_large_list(type_) or types.is_fixed_size_list(type_)
    )


def _is_text(type_: pa.DataType) -> bool:
    return any(
        is_kind(type_)
        for is_kind in (
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_binary,
            pa.types.is_large_binary,
        )
    )


def _type_name(column: str, type_: pa.DataType) -> str:
    types = pa.types
    if isinstance(type_, pa.BaseExtensionType):
        return _type_name(column, type_.storage_type)
    if types.is_dictionary(type_):
        return _type_name(column, type_.value_type)
    if types.is_string(type_) or types.is_large_string(type_) or types.is_string_view(type_):
        return "string"
    if types.is_binary(type_) or types.is_large_binary(type_) or types.is_binary_view(type_):
        return "binary"
    if _is_list(type_):
        return f"list<{_type_name(column, type_.value_type)}>"
    if types.is_struct(type_):
        fields: Iterable[pa.Field] = (type_.field(index) for index in range(type_.num_fields))
        parts = (f"{json.dumps(field.name)}:{_type_name(column, field.type)}" for field in fields)
        return f"struct<{','.join(parts)}>"
    has_form = types.is_primitive(type_) or types.is_decimal(type_) or types.is_null(type_)
    if (has_form and not types.is_interval(type_)) or types.is_fixed_size_binary(type_):
        return str(type_)
    raise ValidationError(
        f"column {column!r} has type {type_}, of which no training set can be recorded: convert it,"
        " or say record=False"
    )
