"""Tables in files, as they are read for a group and as samples."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tandem.errors import ValidationError
from tandem.model.feature_group import FeatureDefinition, FeatureGroup, FeatureType
from tandem.rows.table_files import read_table

GROUP = FeatureGroup(
    name="g",
    group_id="g-1",
    record_identifier_name="id",
    event_time_name="t",
    features=(
        FeatureDefinition("id", FeatureType.STRING),
        FeatureDefinition("t", FeatureType.STRING),
        FeatureDefinition("count", FeatureType.INTEGRAL),
        FeatureDefinition("price", FeatureType.FRACTIONAL),
    ),
    created_at_us=0,
    modified_at_us=0,
)


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_cells_are_kept_as_they_are_written(tmp_path: Path) -> None:
    path = written(
        tmp_path / "rows.csv", 'id,t,count,price\n007,2024-01-01T00:00:00Z,3,89.50\n"a\nb",,,\n'
    )
    assert read_table(path, GROUP).to_pydict() == {
        "id": ["007", "a\nb"],
        "t": ["2024-01-01T00:00:00Z", None],
        "count": ["3", None],
        "price": ["89.50", None],
    }


def test_csv_of_pandas_is_understood(tmp_path: Path) -> None:
    path = written(
        tmp_path / "rows.CSV",
        "id,t,count\n"
        "True,2024-01-01 00:00:00+00:00,True\n"
        "1.0,2024-01-01,3.0\n"
        "x,2024-01-01T01:00:00,-7.00\n",
    )
    assert read_table(path, GROUP).to_pydict() == {
        "id": ["True", "1.0", "x"],
        "t": ["2024-01-01T00:00:00+00:00", "2024-01-01T00:00:00Z", "2024-01-01T01:00:00"],
        "count": ["1", "3", "-7"],
    }


def test_what_does_not_fit_is_left_for_the_check_that_names_the_row(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.csv", "id,count,other\na,3.5,1\nb,many,2\n")
    assert read_table(path, GROUP).to_pydict() == {
        "id": ["a", "b"],
        "count": ["3.5", "many"],
        "other": [1, 2],
    }


def test_tabs_separate_too(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.tsv", "id\tcount\na,b\t1\n")
    assert read_table(path, GROUP).to_pydict() == {"id": ["a,b"], "count": ["1"]}


def test_json_lines(tmp_path: Path) -> None:
    path = written(
        tmp_path / "rows.jsonl",
        '{"id": "2024-01-01", "t": "2024-01-01T00:00:00Z", "count": 3, "price": 1.5}\n'
        '{"id": "b"}\n',
    )
    assert read_table(path, GROUP).to_pylist() == [
        {"id": "2024-01-01", "t": "2024-01-01T00:00:00Z", "count": 3, "price": 1.5},
        {"id": "b", "t": None, "count": None, "price": None},
    ]


def test_parquet(tmp_path: Path) -> None:
    table = pa.table({"id": ["a"], "price": [1.5]})
    pq.write_table(table, tmp_path / "rows.parquet")
    assert read_table(tmp_path / "rows.parquet", GROUP).equals(table)


def test_a_sample_suggests_types(tmp_path: Path) -> None:
    path = written(tmp_path / "s.csv", "id,t,n,f,b\nx,2024-01-01T00:00:00Z,1,1.5,true\n")
    types = {field.name: str(field.type) for field in read_table(path).schema}
    assert types["n"] == "int64"
    assert types["f"] == "double"
    assert types["b"] == "bool"
    assert types["t"].startswith("timestamp")


def test_a_large_cell_is_read(tmp_path: Path) -> None:
    path = written(tmp_path / "large.csv", f"id\n{'x' * 350_000}\n")
    assert len(read_table(path, GROUP)["id"][0].as_py()) == 350_000


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.csv", b""),
        ("empty.jsonl", b""),
        ("empty.parquet", b""),
        ("ragged.csv", b"id,t\n1,2\n3\n"),
        ("latin.csv", b"id\ncaf\xe9\n"),
        ("zip.csv", b"PK\x03\x04\x00\x00\xff\xff"),
        ("half.jsonl", b'{"id": "a"}\n{"id": \n'),
        ("list.jsonl", b"[1, 2]\n"),
        ("cut.parquet", b"PAR1 and no more"),
        ("rows.txt", b"id\n1\n"),
        ("rows", b"id\n1\n"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValidationError, match=name):
        read_table(path, GROUP)


def test_a_folder_and_a_missing_file_are_named(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    for name in ("folder.csv", "nothing.csv", "folder.csv/nothing.parquet", "nothing.jsonl"):
        with pytest.raises(ValidationError, match=name):
            read_table(tmp_path / name, GROUP)
