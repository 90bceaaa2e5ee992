"""Rows in batches of one size, as Arrow, NumPy or PyTorch have them. The last batch may be smaller.

NumPy    an array a column: whole numbers with nulls become doubles with NaN, text becomes objects
PyTorch  a tensor a column, of numbers and booleans; a column of anything else is refused
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from tandem.errors import ValidationError
from tandem.rows.rows import Rows

Convert = Callable[[pa.RecordBatch], Any]


def row_batches(rows: Rows, size: int, form: str) -> Iterator[Any]:
    """Raises ValidationError for a size, a form or a column that cannot be."""
    if size < 1:
        raise ValidationError(f"size {size} is not valid: a batch has at least one row")
    forms: Mapping[str, Callable[[pa.Schema], Convert]] = {
        "arrow": lambda _: lambda batch: batch,
        "numpy": lambda _: _numpy(),
        "torch": _torch,
    }
    if form not in forms:
        raise ValidationError(f"format {form!r} is not known: use one of {list(forms)}")
    return map(forms[form](rows.schema), _sized(rows, size))


def _sized(rows: Rows, size: int) -> Iterator[pa.RecordBatch]:
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in rows.batches():
        start = 0
        while batch.num_rows - start >= size - count:
            held.append(batch.slice(start, size - count))
            start += size - count
            yield _one(held)
            held, count = [], 0
        if start < batch.num_rows:
            held.append(batch.slice(start))
            count += batch.num_rows - start
    if held:
        yield _one(held)


def _one(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)


def _numpy() -> Convert:
    try:
        import numpy  # noqa: F401
    except ImportError as error:
        raise ValidationError("format 'numpy' needs NumPy: pip install numpy") from error
    return _arrays


def _arrays(batch: pa.RecordBatch) -> dict[str, Any]:
    return {
        name: column.to_numpy(zero_copy_only=False)
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    }


def _torch(schema: pa.Schema) -> Convert:
    try:
        import torch
    except ImportError as error:
        raise ValidationError("format 'torch' needs PyTorch: pip install torch") from error
    _numpy()
    for field in schema:
        kind = field.type
        if not (
            pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
        ):
            raise ValidationError(
                f"column {field.name!r} has type {kind}, which no tensor can hold: select() the"
                " columns that are numbers, or encode it first"
            )

    def convert(batch: pa.RecordBatch) -> dict[str, Any]:
        # Copied, since Arrow's memory may not be written and a tensor's may.
        return {name: torch.from_numpy(array.copy()) for name, array in _arrays(batch).items()}

    return convert
