"""The arguments of `feature_vector()`: entities as programs give them, and defaults."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tandem.errors import ValidationError
from tandem.rows.plain_text import with_plain_text
from tandem.sdk.frames import to_arrow

_IDENTIFIERS = "record identifiers"


def entities_of(given: Any) -> tuple[pa.Table, bool]:
    """A row for each entity; and whether there is but one column, of identifiers.

    One value, or a list, array or series of values, are identifiers. A mapping has them by column:
    a column that is one value stands for every row. Else it is a frame, or a list of dicts.
    """
    if isinstance(given, Mapping):
        return _table_of_mapping(given), False
    if _is_one_value(given):
        given = [given]
    if _has_columns(given):
        return to_arrow(given), False
    return with_plain_text(pa.table({_IDENTIFIERS: _column(given, "entities")})), True


def with_defaults(features: pa.Table, defaults: Mapping[str, Any] | None) -> pa.Table:
    """The same columns; where there is no value in one that has a default, that. Raises
    ValidationError.
    """
    if defaults is None:
        return features
    if not isinstance(defaults, Mapping):
        raise ValidationError(
            f"defaults {defaults!r:.80} is not valid: give a mapping of column to value"
        )
    for name, value in defaults.items():
        if name not in features.column_names:
            raise ValidationError(
                f"defaults names {name!r:.80}, which is no column; there are"
                f" {features.column_names}"
            )
        index = features.column_names.index(name)
        column = features.column(index)
        filled = _filled(column, _default(name, value, column.type))
        features = features.set_column(index, features.schema.field(index), filled)
    return features


def _default(name: str, value: Any, type_: pa.DataType) -> pa.Array:
    try:
        found = pa.array([value], type_)
        if isinstance(value, bool) or not _is_same(found.to_pylist()[0], value):
            raise TypeError
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise ValidationError(
            f"the default {value!r:.80} of {name!r} does not fit its type, {type_}"
        ) from error
    return found


def _is_same(found: Any, value: Any) -> bool:
    """Whether Arrow has taken a value as it is: it cuts 1.5 to a whole number, and a text to its
    letters.
    """
    if isinstance(found, list):
        if isinstance(value, str | bytes):
            return False
        return len(found) == len(value) and all(map(_is_same, found, value))
    return found is not None and bool(found == value or (found != found and value != value))


def _filled(column: pa.ChunkedArray, default: pa.Array) -> pa.ChunkedArray:
    if column.null_count == 0:
        return column
    if not pa.types.is_list(column.type):
        return pc.fill_null(column, default[0])
    # Arrow fills no lists: they are taken from the column with the default behind it.
    count = len(column)
    rows = pc.if_else(column.is_null(), count, pa.array(np.arange(count)))
    return pa.chunked_array([*column.chunks, default]).take(rows)


def _table_of_mapping(given: Mapping[str, Any]) -> pa.Table:
    if not given:
        raise ValidationError("entities is empty: give an identifier by column")
    lone = {name for name, value in given.items() if _is_one_value(value)}
    columns = {
        name: _column([value] if name in lone else value, f"entities[{name!r:.80}]")
        for name, value in given.items()
    }
    lengths = {len(column) for name, column in columns.items() if name not in lone} or {1}
    if len(lengths) > 1:
        sizes = {name: len(column) for name, column in columns.items() if name not in lone}
        raise ValidationError(f"the columns of entities have different lengths: {sizes}")
    count = lengths.pop()
    table = {
        name: pa.repeat(column[0], count) if name in lone else column
        for name, column in columns.items()
    }
    return to_arrow(table)


def _column(values: Any, name: str) -> pa.Array | pa.ChunkedArray:
    try:
        if isinstance(values, pa.Array | pa.ChunkedArray):
            return values
        if hasattr(values, "__arrow_c_stream__"):
            return pa.chunked_array(values)
        is_bytes = isinstance(values, bytes | bytearray)  # of which Arrow makes numbers
        if not is_bytes and (isinstance(values, Sequence) or hasattr(values, "__array__")):
            return pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise ValidationError(f"{name} cannot be read as identifiers: {error}") from error
    raise ValidationError(
        f"{name} {values!r:.80} is not valid: give an identifier, a list of them, a mapping or a"
        " frame"
    )


def _is_one_value(given: Any) -> bool:
    return isinstance(given, str | int | float | np.generic)


def _has_columns(given: Any) -> bool:
    if isinstance(given, list):
        return bool(given) and isinstance(given[0], Mapping)
    return hasattr(given, "columns")
