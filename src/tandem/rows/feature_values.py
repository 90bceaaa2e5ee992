"""Columns of Arrow as feature values: types inferred for a new group, cells turned into text.

A null or a NaN is no value. Text is as Python writes it (`repr` for doubles, which is the shortest
text that reads back the same). A timestamp becomes ISO 8601 for a String feature and seconds since
1970 for a Fractional one. A whole double is accepted for an Integral feature, since pandas turns
whole numbers with gaps into doubles.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from tandem.errors import ValidationError
from tandem.model import event_time as event_times
from tandem.model.event_time import EventTime
from tandem.model.feature_group import CollectionType, FeatureDefinition, FeatureType
from tandem.model.record import FeatureValue
from tandem.rows.python_cells import python_cells


def infer_features(schema: pa.Schema, event_time: str) -> tuple[FeatureDefinition, ...]:
    """Feature definitions for columns of these Arrow types.

    Whole numbers and booleans are Integral, other numbers Fractional, lists List collections, all
    else String. A numeric event time is Fractional. Raises ValidationError for nested types.
    """
    return tuple(_infer(field, is_event_time=field.name == event_time) for field in schema)


def check_column_names(names: Sequence[str], features: Sequence[FeatureDefinition]) -> None:
    """Raises ValidationError where a column is not one of `features`, or is there twice."""
    known = {feature.name for feature in features}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValidationError(
            f"the feature group has no features {unknown}: leave these columns out"
        )
    if len(set(names)) < len(names):
        raise ValidationError(f"a column is there twice: {list(names)}")


def iterate_values(
    table: pa.Table, features: Mapping[str, FeatureDefinition]
) -> Iterator[list[FeatureValue] | ValidationError]:
    """The values of each row of `table`, or why its first bad cell does not fit. The table's
    columns are among `features`.
    """
    names = table.column_names
    columns = [text_cells(features[name], table.column(name)) for name in names]
    for row in zip(*columns, strict=True):
        error = next((cell for cell in row if isinstance(cell, ValidationError)), None)
        yield error or [
            FeatureValue(name, cell)
            for name, cell in zip(names, row, strict=True)
            if cell is not None and not isinstance(cell, ValidationError)
        ]


def text_cells(
    feature: FeatureDefinition, column: pa.Array | pa.ChunkedArray
) -> Iterator[str | tuple[str, ...] | ValidationError | None]:
    """The value of each cell as text, None where there is none, or why the cell does not fit."""
    for cell in python_cells(column):
        try:
            yield None if _is_missing(cell) else _text(feature, cell)
        except ValidationError as error:
            yield error


def values_of_mapping(
    record: Mapping[str, Any], features: Mapping[str, FeatureDefinition]
) -> list[FeatureValue]:
    """The feature values of a record given as Python values. None and NaN are no values.

    Raises ValidationError that names the feature where a value does not fit or has no feature.
    """
    values: list[FeatureValue] = []
    for name, cell in record.items():
        if name not in features:
            raise ValidationError(f"feature {name!r} is not defined; there are {list(features)}")
        if not _is_missing(cell):
            values.append(FeatureValue(name, _text(features[name], cell)))
    return values


def _infer(field: pa.Field, *, is_event_time: bool) -> FeatureDefinition:
    type_ = field.type
    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    if pa.types.is_list(type_) or pa.types.is_large_list(type_):
        element = _scalar_type(field.name, type_.value_type)
        return FeatureDefinition(field.name, element, CollectionType.LIST)
    scalar = _scalar_type(field.name, type_)
    if is_event_time and scalar is FeatureType.INTEGRAL:
        scalar = FeatureType.FRACTIONAL
    return FeatureDefinition(field.name, scalar)


def _scalar_type(name: str, type_: pa.DataType) -> FeatureType:
    if pa.types.is_integer(type_) or pa.types.is_boolean(type_):
        return FeatureType.INTEGRAL
    if pa.types.is_floating(type_) or pa.types.is_decimal(type_):
        return FeatureType.FRACTIONAL
    if pa.types.is_nested(type_):
        raise ValidationError(f"column {name!r} has type {type_}, which no feature can hold")
    return FeatureType.STRING


def _is_missing(cell: Any) -> bool:
    # NaN, and pandas' NaT and NA, are the scalars that do not equal themselves.
    if cell is None:
        return True
    try:
        return not hasattr(cell, "__len__") and bool(cell != cell)
    except TypeError:
        return True


def _text(feature: FeatureDefinition, cell: Any) -> str | tuple[str, ...]:
    convert = _TEXT_OF[feature.type]
    is_text = isinstance(cell, str | bytes)
    is_many = hasattr(cell, "__len__") and not is_text and not isinstance(cell, EventTime)
    try:
        if feature.collection is None:
            if is_many:
                raise TypeError
            return convert(cell)
        if not is_many or any(_is_missing(element) for element in cell):
            raise TypeError
        return tuple(convert(element) for element in cell)
    except (TypeError, ValueError, OverflowError) as error:
        kind = f"{feature.collection} of {feature.type}" if feature.collection else feature.type
        raise ValidationError(
            f"the value {str(cell)[:64]!r} of feature {feature.name!r} does not fit {kind}"
        ) from error


def _integral_text(cell: Any) -> str:
    if isinstance(cell, str):
        return cell
    if cell != int(cell):
        raise ValueError(cell)
    return str(int(cell))


def _fractional_text(cell: Any) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, datetime):
        cell = event_times.from_datetime(cell)
    if isinstance(cell, EventTime):
        return repr(cell.seconds + cell.nanoseconds / 1e9)
    return repr(float(cell))


def _string_text(cell: Any) -> str:
    if isinstance(cell, datetime):
        cell = event_times.from_datetime(cell)
    if isinstance(cell, EventTime):
        return cell.isoformat()
    if isinstance(cell, date):
        return f"{cell.isoformat()}T00:00:00Z"
    if isinstance(cell, bytes):
        return cell.decode()
    return str(cell)


_TEXT_OF: dict[FeatureType, Callable[[Any], str]] = {
    FeatureType.STRING: _string_text,
    FeatureType.INTEGRAL: _integral_text,
    FeatureType.FRACTIONAL: _fractional_text,
}
