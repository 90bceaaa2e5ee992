"""One text is one identifier, or refused: its letters are none."""

from pathlib import Path

import pytest

import tandem
from tandem.errors import ValidationError


@pytest.fixture
def store(tmp_path: Path):
    with tandem.connect(tmp_path / "data") as store:
        group = store.create_feature_group(
            "g",
            features={"id": "String", "t": "Fractional", "n": "Integral"},
            record_identifier="id",
            event_time="t",
        )
        group.put({"id": "C1", "t": 1.0, "n": 7})
        yield store


@pytest.mark.parametrize("given", ["C1", b"C1", bytearray(b"C1")])
def test_many_records_are_not_asked_for_by_one_text(store, given) -> None:
    with pytest.raises(ValidationError, match=r"identifiers .*C1.* give a sequence"):
        store.feature_group("g").get_many(given)


@pytest.mark.parametrize("given", [b"C1", bytearray(b"C1"), {"id": b"C1"}])
def test_bytes_are_no_entities(store, given) -> None:
    with pytest.raises(ValidationError, match=r"C1.* give an identifier"):
        store.feature_vector(["g:n"], given)


def test_one_text_is_one_entity(store) -> None:
    assert store.feature_vector(["g:n"], "C1").to_arrow().to_pylist() == [{"n": 7}]


@pytest.mark.parametrize("given", ["x" * 2_049, "é" * 1_025])
def test_what_no_record_can_be_called_is_refused_by_every_read(store, given) -> None:
    group = store.feature_group("g")
    for read in (
        lambda: group.get(given),
        lambda: group.get_many(["C1", given]),
        lambda: store.feature_vector(["g:n"], ["C1", given]),
    ):
        with pytest.raises(ValidationError, match=r"'id' has \d+ bytes; at most 2048"):
            read()
    assert store.feature_vector(["g:n"], given[:1_024]).to_arrow().to_pylist() == [{"n": None}]
