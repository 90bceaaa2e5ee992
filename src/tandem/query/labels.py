"""Label columns made comparable: identifiers in the type of a group's, moments as numbers or text.

* A null, a NaN and a NaT are no value: such a label gets nulls.
* A column whose type cannot be compared is refused, and so is a value that no record could ever
  have (`"seven"` or 7.5 for an Integral identifier). Answering nulls would hide the mistake.
* Nothing is rounded: a whole double is a whole number, since pandas turns whole numbers with gaps
  into doubles, and any other double is not.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.compute as pc

from tandem.errors import ValidationError
from tandem.model.event_time import SECONDS_MAX, SECONDS_MIN
from tandem.model.feature_group import FeatureDefinition, FeatureType
from tandem.query.base import FeatureJoin
from tandem.rows.history_rows import arrow_type

NANOSECONDS = 1_000_000_000
NANOSECONDS_MIN = SECONDS_MIN * NANOSECONDS
"""0000-01-01T00:00:00Z, as nanoseconds since 1970."""
NANOSECONDS_MAX = SECONDS_MAX * NANOSECONDS + NANOSECONDS - 1
"""9999-12-31T23:59:59.999999999Z."""

_UNIT_NANOSECONDS = {"s": NANOSECONDS, "ms": 1_000_000, "us": 1_000, "ns": 1}
_DAY_NANOSECONDS = 86_400 * NANOSECONDS
_INTEGRAL_TEXT = r"\A[+-]?[0-9]{1,40}\z"
_FRACTIONAL_TEXT = r"\A[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\z"
_MOMENT_TEXT = (
    r"\A([0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?"
    r"(Z|[+-][0-9]{2}:[0-5][0-9])?|-?[0-9]{1,12}(\.[0-9]+)?)\z"
)


@dataclass(frozen=True, slots=True)
class Moments:
    """The labels' moments, one a row.

    values            int64, double (seconds since 1970) or text (as an event time), nulls for none;
                      numbers are within the years 0000 to 9999, text has the shape of a time
    unit_nanoseconds  what one of an int64's counts; None for the others
    """

    values: pa.ChunkedArray
    unit_nanoseconds: int | None = None

    @property
    def is_text(self) -> bool:
        return self.unit_nanoseconds is None and not pa.types.is_floating(self.values.type)


def checked_schema(labels: pa.Schema, moment: str, joins: Sequence[FeatureJoin]) -> pa.Schema:
    """The schema of the labels with their features.

    Raises ValidationError where a join names no feature, or a column that is taken, and where the
    labels lack a column or have it in a type that cannot be compared.
    """
    none = pa.Table.from_batches([], labels)
    if joins:
        label_moments(none, moment)
    taken = set(labels.names)
    fields = list(labels)
    for join in joins:
        group = join.table.group
        label_keys(none, join.key, group.record_identifier)
        for feature, column in join.columns.items():
            if feature not in group.features_by_name:
                raise ValidationError(f"feature group {group.name!r} has no feature {feature!r}")
            if column in taken:
                raise ValidationError(f"there would be two columns {column!r}: rename one")
            taken.add(column)
            fields.append(pa.field(column, arrow_type(group.features_by_name[feature])))
    return pa.schema(fields, metadata=labels.metadata)


def label_column(labels: pa.Table, name: str) -> pa.ChunkedArray:
    """The column of that name, neither encoded nor a view. Raises ValidationError."""
    found = labels.column_names.count(name)
    if found != 1:
        raise ValidationError(
            f"the labels have {found or 'no'} columns {name!r}; they have {labels.column_names}"
        )
    column = labels.column(name)
    try:
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        # Arrow's text functions do not know views.
        return column.cast(pa.large_string()) if pa.types.is_string_view(column.type) else column
    except pa.ArrowNotImplementedError as error:
        raise ValidationError(f"label column {name!r} cannot be read: {error}") from error


def label_moments(labels: pa.Table, name: str) -> Moments:
    """When each label was observed. Raises ValidationError where a value is not a moment."""
    column = label_column(labels, name)
    type_ = column.type
    if _is_text(type_):
        _check_text(column, name, _MOMENT_TEXT, "a time")
        return Moments(column)
    if pa.types.is_floating(type_) or pa.types.is_decimal(type_):
        seconds = _without_nan(column.cast(pa.float64(), safe=False))
        _check_range(name, seconds, pc.less(seconds, SECONDS_MIN))
        _check_range(name, seconds, pc.greater_equal(seconds, float(SECONDS_MAX + 1)))
        return Moments(seconds)
    unit = _unit_nanoseconds(type_)
    if unit is None:
        raise ValidationError(
            f"label column {name!r} has type {type_}, which is not a moment: give a timestamp,"
            " seconds since 1970, or ISO 8601 text"
        )
    counts = _cast(column.cast(pa.int32()) if pa.types.is_date32(type_) else column, name)
    # Where the bounds do not fit 64 bits, neither does anything beyond them.
    least, most = -(-NANOSECONDS_MIN // unit), NANOSECONDS_MAX // unit
    if least >= -(2**63) and most < 2**63:
        _check_range(name, counts, pc.less(counts, least))
        _check_range(name, counts, pc.greater(counts, most))
    return Moments(counts, unit)


def label_keys(labels: pa.Table, name: str, identifier: FeatureDefinition) -> pa.ChunkedArray:
    """The record identifier of each label: int64, double or text, as `identifier` is stored.

    Raises ValidationError where the column or one of its values cannot be such an identifier.
    """
    column = label_column(labels, name)
    type_ = column.type
    if pa.types.is_null(type_):
        return column.cast(arrow_type(identifier))
    if identifier.type is FeatureType.STRING:
        if _is_text(type_):
            return column
        if pa.types.is_integer(type_):
            return column.cast(pa.string())
    elif _is_text(type_):
        return _number_of_text(column, name, identifier)
    elif pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_):
        if identifier.type is FeatureType.FRACTIONAL:
            return _without_nan(column.cast(pa.float64(), safe=False))
        if pa.types.is_floating(type_):
            column = _without_nan(column.cast(pa.float64()))
        return _cast(column, name)
    raise ValidationError(
        f"label column {name!r} has type {type_}, which cannot be compared with the"
        f" {identifier.type} record identifier {identifier.name!r}: convert it first"
    )


def age_nanoseconds_max(seconds: float | None) -> int | None:
    """The greatest age that a feature may have; None: any. Raises ValidationError."""
    if seconds is None or seconds == math.inf:
        return None
    if not seconds >= 0:
        raise ValidationError(f"max_age_seconds {seconds} is not valid: give 0 or more")
    return min(round(seconds * NANOSECONDS), NANOSECONDS_MAX - NANOSECONDS_MIN)


def _number_of_text(
    column: pa.ChunkedArray, name: str, identifier: FeatureDefinition
) -> pa.ChunkedArray:
    is_integral = identifier.type is FeatureType.INTEGRAL
    pattern = _INTEGRAL_TEXT if is_integral else _FRACTIONAL_TEXT
    _check_text(column, name, pattern, f"a record identifier of type {identifier.type}")
    unsigned = pc.replace_substring_regex(column, pattern=r"\A\+", replacement="")
    if is_integral:
        return _cast(unsigned, name)
    return unsigned.cast(pa.float64())


def _unit_nanoseconds(type_: pa.DataType) -> int | None:
    if pa.types.is_timestamp(type_):
        return _UNIT_NANOSECONDS[type_.unit]
    if pa.types.is_date32(type_):
        return _DAY_NANOSECONDS
    if pa.types.is_date64(type_):
        return _UNIT_NANOSECONDS["ms"]
    return NANOSECONDS if pa.types.is_integer(type_) or pa.types.is_null(type_) else None


def _is_text(type_: pa.DataType) -> bool:
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_))


def _cast(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid as error:
        raise ValidationError(f"label column {name!r} is not of whole numbers: {error}") from None


def _without_nan(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)


def _check_text(column: pa.ChunkedArray, name: str, pattern: str, wanted: str) -> None:
    fits = pc.match_substring_regex(column, pattern=pattern)
    if not pc.all(fits, min_count=0).as_py():
        _refuse(name, column, pc.invert(fits), f"is not {wanted}")


def _check_range(name: str, values: pa.ChunkedArray, outside: pa.ChunkedArray) -> None:
    if pc.any(outside, min_count=0).as_py():
        reason = "lies outside the years 0000 to 9999: numbers are seconds since 1970"
        _refuse(name, values, outside, reason)


def _refuse(name: str, values: pa.ChunkedArray, wrong: pa.ChunkedArray, reason: str) -> NoReturn:
    value: Any = values.filter(wrong)[0].as_py()
    raise ValidationError(
        f"label column {name!r} has the value {str(value)[:64]!r}, which {reason}"
    )
