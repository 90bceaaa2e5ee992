"""Feature vectors as a matrix: the same however their columns lie in memory."""

import numpy as np
import pyarrow as pa
import pytest

from tandem.errors import ValidationError
from tandem.sdk.feature_vectors import FeatureVectors
from tandem.sdk.vector_arguments import with_defaults
from tandem.service.feature_vectors import VectorTable

ROWS = [[1.5, None, -0.0], [None, 2.5, 1e308], [0.1, 3.5, None]]
EXPECTED = [[np.nan if one is None else one for one in row] for row in ROWS]
WHOLE = pa.table(
    [pa.array(column, pa.float64()) for column in zip(*ROWS, strict=True)], list("abc")
)
NO_AGES = VectorTable(WHOLE, pa.table({}))


@pytest.mark.parametrize(
    "table",
    [
        pytest.param(WHOLE, id="one batch"),
        pytest.param(pa.concat_tables([WHOLE[:1], WHOLE[1:]]), id="two batches"),
        pytest.param(pa.concat_tables([WHOLE, WHOLE]).combine_chunks()[3:], id="a part of one"),
    ],
)
def test_a_matrix_of_doubles_is_the_callers_own(table: pa.Table) -> None:
    matrix = FeatureVectors(table, NO_AGES).to_numpy()
    np.testing.assert_array_equal(matrix, EXPECTED)
    assert np.signbit(matrix[0, 2])
    matrix[:] = 7.0
    assert table.to_pylist() == WHOLE.to_pylist()


def test_whole_numbers_among_doubles_become_doubles() -> None:
    table = WHOLE.append_column("n", pa.array([1, None, 3], pa.int64()))
    matrix = FeatureVectors(table, NO_AGES).to_numpy()
    np.testing.assert_array_equal(matrix[:, 3], [1.0, np.nan, 3.0])


def test_no_entities_make_a_matrix_without_rows() -> None:
    assert FeatureVectors(WHOLE[:0], NO_AGES).to_numpy().shape == (0, 3)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_no_number_becomes_infinite(dtype: type[np.floating]) -> None:
    vectors = FeatureVectors(WHOLE, NO_AGES)
    with pytest.raises(ValidationError, match=f"'c' .* too large for {np.dtype(dtype)}"):
        vectors.to_numpy(dtype)
    whole = pa.table({"n": pa.array([70_000], pa.int64())})
    with pytest.raises(ValidationError, match=r"'n' .* too large for float16"):
        FeatureVectors(whole, NO_AGES).to_numpy(np.float16)
    fitting = FeatureVectors(WHOLE.select(["a", "b"]), NO_AGES).to_numpy(dtype)
    np.testing.assert_array_equal(fitting, np.array(EXPECTED)[:, :2].astype(dtype))


@pytest.mark.parametrize("given", ["abc", b"abc"])
def test_the_letters_of_a_text_are_no_default_list(given: object) -> None:
    tags = pa.table({"tags": pa.array([None, ["a"]], pa.list_(pa.string()))})
    with pytest.raises(ValidationError, match="'tags' does not fit its type, list"):
        with_defaults(tags, {"tags": given})
    filled = with_defaults(tags, {"tags": ["abc"]})
    assert filled["tags"].to_pylist() == [["abc"], ["a"]]
