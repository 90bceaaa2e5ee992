"""Records of a group as a table: checked whole columns at a time, with the errors of a record.

The columns of the table:

    the features         those that were given, as `tandem.rows.columns` has them
    record identifier    string: the canonical identifier, the record's key
    event seconds        int64: the event time, since 1970
    event nanoseconds    int64: within the second

A row is in the table if and only if `check_record` accepts it. Rows of which the columns leave a
doubt are given to it one by one, so what it says of a bad row is what is said here.
"""
# Names with a space are never those of features.

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tandem.errors import ValidationError
from tandem.model.feature_group import FeatureDefinition, FeatureGroup, FeatureType
from tandem.model.limits import RECORD_BYTES_MAX, RECORD_IDENTIFIER_BYTES_MAX
from tandem.model.record import Record, check_record
from tandem.model.throughput import WRITE_UNIT_BYTES
from tandem.rows.columns import convert, text_of_doubles
from tandem.rows.event_time_columns import (
    Mask,
    Moments,
    moments_of_doubles,
    moments_of_number_texts,
    moments_of_texts,
)
from tandem.rows.feature_values import check_column_names, iterate_values
from tandem.rows.python_cells import shown_cells

IDENTIFIER = "record identifier"
EVENT_SECONDS = "event seconds"
EVENT_NANOSECONDS = "event nanoseconds"
KEY_COLUMNS = (IDENTIFIER, EVENT_SECONDS, EVENT_NANOSECONDS)

_CANONICAL_WHOLE = r"^(0|-?[1-9][0-9]*)$"
_NUMBER_CHARACTERS_MAX = 25
"""No text of an int64 or a double is longer."""
_DOUBLE_CHARACTERS = 17
"""Most doubles have about as many; to write each out would cost more than the answer is worth."""


class BadRow(NamedTuple):
    """A row, counted from 0, and what is wrong with it."""

    row: int
    reason: str


FAILED_ROW, FAILED_REASON, FAILED_FILE = "_row", "_reason", "_file"
"""Columns of a table of failed rows. Names of features begin with a letter or digit."""
FAILED_COLUMNS = frozenset({FAILED_ROW, FAILED_REASON, FAILED_FILE})


def failed_rows(given: pa.Table, first_row: int, bad_rows: Sequence[BadRow]) -> pa.Table:
    """The bad ones of the rows `given`, with their number in an input in which `first_row` rows
    come before, and what is wrong with them.
    """
    failed = given.take(pa.array([bad.row for bad in bad_rows], pa.int64()))
    numbers = [first_row + bad.row for bad in bad_rows]
    failed = failed.append_column(FAILED_ROW, pa.array(numbers, pa.int64()))
    reasons = [bad.reason for bad in bad_rows]
    return failed.append_column(FAILED_REASON, pa.array(reasons, pa.string()))


def joined(failed: Sequence[pa.Table]) -> pa.Table | None:
    """Tables of failed rows as one; None where there are none. Files may have had other types in
    the same column: then it is text.
    """
    if not failed:
        return None
    try:
        return pa.concat_tables(failed, promote_options="permissive")
    except pa.ArrowException:
        return pa.concat_tables(
            [_as_texts(table) for table in failed], promote_options="permissive"
        )


def _as_texts(table: pa.Table) -> pa.Table:
    for index, name in enumerate(table.column_names):
        if name != FAILED_ROW:
            cells = shown_cells(table.column(index))
            texts = [None if cell is None else str(cell) for cell in cells]
            table = table.set_column(index, name, pa.array(texts, pa.string()))
    return table


class CheckedRows(NamedTuple):
    """The good rows as a table, in their order, and the bad ones."""

    table: pa.Table
    bad_rows: list[BadRow]


class _Keys(NamedTuple):
    identifiers: pa.Array
    moments: Moments
    is_doubtful: Mask


def check_rows(group: FeatureGroup, given: pa.Table, *, stops_at_first: bool) -> CheckedRows:
    """The records that the rows of `given` make, a column of each of the group's features or of
    some. With `stops_at_first`, bad rows behind the first need not be found.

    Raises ValidationError where a column is not one of the group's current features.
    """
    check_column_names(given.column_names, group.current_features)
    count = given.num_rows
    is_doubtful = np.zeros(count, np.bool_)
    columns: dict[str, pa.Array] = {}
    for feature in group.current_features:
        if feature.name in given.column_names:
            cells = given.column(feature.name).combine_chunks()
            columns[feature.name], doubts = convert(feature, cells)
            if doubts is not None:
                is_doubtful |= doubts
    keys = _keys(group, columns, count)
    is_doubtful |= keys.is_doubtful | _may_be_too_large(columns, count)
    bad_rows: list[BadRow] = []
    if is_doubtful.any():
        identifiers = keys.identifiers.to_pylist()
        for row, found in _check_one_by_one(group, given, np.flatnonzero(is_doubtful)):
            if isinstance(found, ValidationError):
                bad_rows.append(BadRow(row, str(found)))
                if stops_at_first:
                    break
            else:
                identifiers[row] = found.identifier
                keys.moments.seconds[row], keys.moments.nanoseconds[row] = found.event_time
        keys = keys._replace(identifiers=pa.array(identifiers, pa.string()))
    table = pa.table(
        {
            **columns,
            IDENTIFIER: keys.identifiers,
            EVENT_SECONDS: keys.moments.seconds,
            EVENT_NANOSECONDS: keys.moments.nanoseconds,
        }
    )
    return CheckedRows(_without(table, bad_rows), bad_rows)


def _keys(group: FeatureGroup, columns: dict[str, pa.Array], count: int) -> _Keys:
    """Identifiers and moments; where a row lacks one, or it is not a plain one, it is doubtful."""
    is_doubtful = np.zeros(count, np.bool_)
    nothing = pa.nulls(count, pa.string())
    given = columns.get(group.record_identifier_name, nothing)
    identifiers = canonical_identifiers(group.record_identifier.type, given)
    is_doubtful |= identifiers.is_null().to_numpy(zero_copy_only=False)
    sizes = pc.binary_length(identifiers).fill_null(0).to_numpy()
    is_doubtful |= sizes > RECORD_IDENTIFIER_BYTES_MAX
    times = columns.get(group.event_time_name, nothing)
    moments = _moments(group.event_time, times)
    return _Keys(identifiers, moments, is_doubtful | moments.is_doubtful)


def canonical_identifiers(type_: FeatureType, values: pa.Array) -> pa.Array:
    """The keys of records; null where there is none, or only the check of the row knows."""
    if type_ is FeatureType.STRING:
        return values
    if pa.types.is_integer(values.type):
        return values.cast(pa.string())
    if pa.types.is_floating(values.type):
        return text_of_doubles(pc.add(values, 0.0))  # as for a record: -0.0 becomes 0.0
    if type_ is FeatureType.INTEGRAL:
        is_canonical = pc.match_substring_regex(values, _CANONICAL_WHOLE)
        return pc.if_else(is_canonical, values, None)
    return pa.nulls(len(values), pa.string())


def _moments(feature: FeatureDefinition, values: pa.Array) -> Moments:
    if feature.type is FeatureType.STRING:
        return moments_of_texts(values)
    if pa.types.is_floating(values.type):
        return moments_of_doubles(values)
    return moments_of_number_texts(values)


def _may_be_too_large(columns: dict[str, pa.Array], count: int) -> Mask:
    too_large: Mask = _upper_sizes(columns, count) > RECORD_BYTES_MAX
    return too_large


def _upper_sizes(columns: dict[str, pa.Array], count: int) -> np.ndarray:
    """Bytes that the rows' names and values have at most."""
    sizes = np.zeros(count, np.int64)
    for name, values in columns.items():
        sizes += len(name)
        if pa.types.is_string(values.type):
            sizes += pc.binary_length(values).fill_null(0).to_numpy()
        elif pa.types.is_list(values.type):
            sizes += _sizes_of_lists(values)
        else:
            sizes += _NUMBER_CHARACTERS_MAX
    return sizes


def _sizes_of_lists(values: pa.Array) -> np.ndarray:
    elements = values.flatten()
    if pa.types.is_string(elements.type):
        sizes = pc.binary_length(elements).fill_null(0).to_numpy()
    else:
        sizes = np.full(len(elements), _NUMBER_CHARACTERS_MAX)
    return _sums_of_lists(values, sizes)


def _sums_of_lists(values: pa.Array, sizes: np.ndarray) -> np.ndarray:
    """The sum of the sizes of each list's elements."""
    lengths = pc.list_value_length(values).fill_null(0).to_numpy()
    ends = np.cumsum(lengths)
    totals = np.concatenate([[0], np.cumsum(sizes)])
    found: np.ndarray = totals[ends] - totals[ends - lengths]
    return found


def write_units_of_rows(table: pa.Table) -> np.ndarray:
    """What each record of a checked table would cost to be written by itself, in write units. A
    double counts as 17 characters, whatever it has.
    """
    names = [name for name in table.column_names if name not in KEY_COLUMNS]
    columns = {name: table.column(name).combine_chunks() for name in names}
    if _upper_sizes(columns, table.num_rows).max(initial=0) <= WRITE_UNIT_BYTES:
        return np.ones(table.num_rows, np.int64)
    sizes = np.zeros(table.num_rows, np.int64)
    for name, values in columns.items():
        sizes += len(name) * values.is_valid().to_numpy(zero_copy_only=False)
        sizes += _text_sizes(values)
    units: np.ndarray = np.maximum(1, -(-sizes // WRITE_UNIT_BYTES))
    return units


def _text_sizes(values: pa.Array) -> np.ndarray:
    """The bytes of each value as text, about; 0 for a null."""
    if pa.types.is_list(values.type):
        return _sums_of_lists(values, _text_sizes(values.flatten()))
    sizes: np.ndarray
    if pa.types.is_floating(values.type):
        sizes = _DOUBLE_CHARACTERS * values.is_valid().to_numpy(zero_copy_only=False)
    else:
        sizes = pc.binary_length(values.cast(pa.string())).fill_null(0).to_numpy()
    return sizes


def _check_one_by_one(
    group: FeatureGroup, given: pa.Table, rows: np.ndarray
) -> Iterator[tuple[int, Record | ValidationError]]:
    doubtful = given.take(pa.array(rows))
    for row, values in zip(
        rows.tolist(), iterate_values(doubtful, group.features_by_name), strict=True
    ):
        if isinstance(values, ValidationError):
            yield row, values
            continue
        try:
            yield row, check_record(group, values)
        except ValidationError as error:
            yield row, error


def _without(table: pa.Table, bad_rows: list[BadRow]) -> pa.Table:
    if not bad_rows:
        return table
    is_good = np.ones(table.num_rows, np.bool_)
    is_good[[bad.row for bad in bad_rows]] = False
    return table.filter(pa.array(is_good))
