"""Batches of one size, whatever the sizes below, as Arrow, NumPy and PyTorch have them."""

import importlib.util

import numpy as np
import pyarrow as pa
import pytest

from tandem.errors import ValidationError
from tandem.rows.rows import TableRows
from tandem.sdk.row_batches import row_batches

TABLE = pa.table(
    {
        "whole": pa.array(range(10)),
        "gaps": pa.array([None if n % 4 == 0 else n for n in range(10)]),
        "double": pa.array([n / 2 for n in range(10)]),
        "flag": pa.array([n % 2 == 0 for n in range(10)]),
        "text": [f"row {n}" for n in range(10)],
    }
)
ROWS = TableRows(pa.Table.from_batches(TABLE.to_batches(max_chunksize=3)))
NUMBERS = TableRows(TABLE.drop_columns(["text"]))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 9, 10, 11])
def test_every_batch_but_the_last_has_the_size(size: int) -> None:
    batches = list(row_batches(ROWS, size, "arrow"))
    sizes = [batch.num_rows for batch in batches]
    assert sizes == [size] * (10 // size) + ([10 % size] if 10 % size else [])
    assert pa.Table.from_batches(batches).to_pylist() == TABLE.to_pylist()


def test_no_rows() -> None:
    assert list(row_batches(TableRows(TABLE.slice(0, 0)), 4, "arrow")) == []


def test_numpy() -> None:
    first, *_ = row_batches(ROWS, 4, "numpy")
    assert first["whole"].dtype == np.int64
    np.testing.assert_array_equal(first["gaps"], [np.nan, 1.0, 2.0, 3.0])
    assert first["flag"].tolist() == [True, False, True, False]
    assert first["text"].tolist() == ["row 0", "row 1", "row 2", "row 3"]


@pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="PyTorch is not installed: no dependency"
)
def test_torch() -> None:
    import torch

    first, *_, last = row_batches(NUMBERS, 4, "torch")
    assert first["whole"].dtype == torch.int64
    assert first["whole"].tolist() == [0, 1, 2, 3]
    assert first["gaps"].dtype == torch.float64
    assert torch.isnan(first["gaps"][0])
    assert first["flag"].dtype == torch.bool
    assert len(last["double"]) == 2
    first["whole"][0] = 7  # a tensor may be changed, and the rows stay what they are
    assert next(row_batches(NUMBERS, 4, "torch"))["whole"].tolist() == [0, 1, 2, 3]
    with pytest.raises(ValidationError, match="'text'"):
        row_batches(ROWS, 4, "torch")


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="PyTorch is installed")
def test_torch_is_asked_for_by_name_where_it_is_missing() -> None:
    with pytest.raises(ValidationError, match="pip install torch"):
        row_batches(NUMBERS, 4, "torch")


@pytest.mark.parametrize(
    ("size", "form", "said"), [(0, "arrow", "size 0"), (1, "lists", "'lists'")]
)
def test_what_cannot_be(size: int, form: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        row_batches(ROWS, size, form)
