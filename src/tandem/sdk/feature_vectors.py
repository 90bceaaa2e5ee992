"""Feature vectors in a program's hands: a matrix for a model, a frame, and how old they are."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tandem.errors import ValidationError
from tandem.sdk.frames import Result
from tandem.service.feature_vectors import VectorTable

_DOUBLE = pa.float64()


class FeatureVectors(Result):
    """A row for each entity, in the order given; a column for each feature, in the order asked for.

    Where there is neither a value nor a default, there is null.
    """

    def __init__(self, features: pa.Table, found: VectorTable) -> None:
        super().__init__(features)
        self._table = features
        self._ages = found.ages

    def to_numpy(self, dtype: npt.DTypeLike = np.float64) -> npt.NDArray[Any]:
        """A matrix: a row for each entity. Null is NaN in a matrix of doubles, None in one of
        objects.

        Raises ValidationError where a column does not fit the type: text and collections fit
        `object` alone; whole numbers have no null; no number is cut, and none becomes infinite.
        """
        wanted = _dtype(dtype)
        if wanted == np.float64 and all(one == _DOUBLE for one in self._table.schema.types):
            batches = self._table.to_batches()
            if len(batches) == 1:  # as most are: made in one call
                matrix: npt.NDArray[Any] = batches[0].to_tensor(null_to_nan=True).to_numpy()
                return matrix
        matrix = np.empty((self._table.num_rows, self._table.num_columns), wanted)
        for index, name in enumerate(self._table.column_names):
            matrix[:, index] = _column(name, self._table.column(index), wanted)
        return matrix

    @cached_property
    def ages(self) -> Mapping[str, npt.NDArray[np.float64]]:
        """By feature group, as the features named it: for each entity the seconds since the event
        time of its record; NaN where there is no record. A record has one event time, whichever of
        its features were written last.
        """
        return {
            name: column.to_numpy()
            for name, column in zip(self._ages.column_names, self._ages.columns, strict=True)
        }

    @cached_property
    def found(self) -> Mapping[str, npt.NDArray[np.bool_]]:
        """By feature group, as the features named it: whether it has a record of each entity."""
        return {name: ~np.isnan(ages) for name, ages in self.ages.items()}


def _dtype(given: npt.DTypeLike) -> np.dtype[Any]:
    try:
        wanted = np.dtype(given)
    except TypeError as error:
        raise ValidationError(f"dtype {given!r:.80} is not one of NumPy's: {error}") from error
    if wanted.kind not in "fiubO":
        raise ValidationError(f"dtype {given!r:.80} is no type of numbers, and not object either")
    return wanted


def _column(name: str, column: pa.ChunkedArray, dtype: np.dtype[Any]) -> Any:
    if dtype.kind == "O":
        cells = np.empty(len(column), object)
        # One by one, since NumPy would make a matrix of lists of equal lengths.
        for row, cell in enumerate(column.to_pylist()):
            cells[row] = cell
        return cells
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        raise ValidationError(
            f"column {name!r} has type {column.type}, which is no number: leave it out, or ask for"
            " dtype=object"
        )
    if dtype.kind == "f":
        return _floats(name, column.to_numpy(), dtype)  # nulls are NaN
    if column.null_count:
        raise ValidationError(
            f"column {name!r} has no value for {column.null_count} entities, and {dtype} has none"
            f" for that: give defaults={{{name!r}: …}}, or ask for floats"
        )
    try:
        return column.cast(pa.from_numpy_dtype(dtype)).to_numpy()
    except pa.ArrowInvalid as error:
        raise ValidationError(f"column {name!r} does not fit {dtype}: {error}") from error


def _floats(
    name: str, numbers: npt.NDArray[Any], dtype: np.dtype[Any]
) -> npt.NDArray[np.floating[Any]]:
    try:
        with np.errstate(over="raise"):
            return numbers.astype(dtype, copy=False)
    except FloatingPointError as error:
        raise ValidationError(
            f"column {name!r} has numbers that are too large for {dtype}: ask for float64"
        ) from error
