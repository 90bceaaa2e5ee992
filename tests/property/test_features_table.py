"""Records as columns are what decoding them value by value gives, whatever is in them."""

from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from property.stored_records import python_value, stored_records
from tandem.model.feature_group import FeatureDefinition, FeatureType
from tandem.model.record import FeatureValue
from tandem.online.features_json import decode_features, encode_features
from tandem.rows import features_table as module
from tandem.rows.complete_records import complete_columns
from tandem.rows.features_table import feature_columns
from tandem.rows.history_rows import arrow_type


def table(
    texts: list[bytes | None],
    features: list[FeatureDefinition],
    stored: tuple[FeatureDefinition, ...] = (),
) -> pa.Table:
    columns = feature_columns(texts, features, stored)
    return pa.table(columns, names=[feature.name for feature in features])


def _expected(features: list[FeatureDefinition], texts: list[bytes | None]) -> pa.Table:
    rows = [dict(decode_features(text)) if text is not None else {} for text in texts]
    return pa.table(
        {
            feature.name: pa.array(
                [
                    python_value(feature, row[feature.name]) if feature.name in row else None
                    for row in rows
                ],
                arrow_type(feature),
            )
            for feature in features
        }
    )


IDENTIFIER = FeatureDefinition("id", FeatureType.STRING)
HALF = FeatureDefinition("f", FeatureType.FRACTIONAL)


@pytest.mark.parametrize("few_cells", [0, 256])
@given(made=stored_records(), random=st.randoms(use_true_random=False))
@example(made=([HALF], [None]), random=None)
@settings(max_examples=300, deadline=None)
def test_columns_are_what_values_are_one_by_one(few_cells: int, made: Any, random: Any) -> None:
    with patch.object(module, "_FEW_CELLS", few_cells):
        check(*made, random)


@pytest.mark.parametrize("decoded_cells", [0, 600])
@given(made=stored_records(is_complete=True), random=st.randoms(use_true_random=False))
@example(made=([HALF], []), random=None)
@example(made=([HALF], [None]), random=None)
@example(made=([HALF], [[FeatureValue("id", "a"), FeatureValue("f", "-0")]]), random=None)
@settings(max_examples=300, deadline=None)
def test_columns_of_complete_records_are_what_values_are_one_by_one(
    decoded_cells: int, made: Any, random: Any
) -> None:
    features, records = made
    with patch.object(module, "_DECODED_CELLS", decoded_cells):
        check(features, records, random, (IDENTIFIER, *features))


@pytest.mark.parametrize("decoded_cells", [0, 600])
@given(made=stored_records(), random=st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_records_may_have_fewer_and_other_features_than_the_definition_at_hand(
    decoded_cells: int, made: Any, random: Any
) -> None:
    features, records = made
    added = FeatureDefinition("added", FeatureType.STRING)
    for record in filter(None, records):
        if random.random() < 0.3:
            record.append(FeatureValue("added", "later"))
    stored = (IDENTIFIER, *features, *([added] if random.random() < 0.5 else []))
    with patch.object(module, "_DECODED_CELLS", decoded_cells):
        check(features, records, random, stored)


# What stands between the cells of a record and between records, and parts of it.
PUNCTUATION = st.text('{}[],:"\\F', max_size=6)


@given(
    rows=st.lists(st.lists(PUNCTUATION | st.none(), min_size=3, max_size=3), min_size=1, max_size=6)
)
@example(rows=[["a", "b", "c"]])
@example(rows=[["},{", "", "}"], ["}", None, "x"]])
@example(rows=[["a", "b", "x}]["], [None, "b", "c"]])
@example(rows=[["}][{", None, "c"], ["a", "b", None]])
@settings(max_examples=1_000, deadline=None)
def test_a_text_may_look_like_what_is_between_cells(rows: list[list[str | None]]) -> None:
    features = [FeatureDefinition(name, FeatureType.STRING) for name in "abc"]
    records = [
        [
            FeatureValue("id", str(number)),
            *(
                FeatureValue(name, text)
                for name, text in zip("abc", row, strict=True)
                if text is not None
            ),
        ]
        for number, row in enumerate(rows)
    ]
    with patch.object(module, "_DECODED_CELLS", 0):
        check(features, records, None, (IDENTIFIER, *features))


def test_a_record_may_have_a_newer_feature_in_the_place_of_one_that_it_lacks() -> None:
    features = [FeatureDefinition(name, FeatureType.STRING) for name in "ab"]
    record = [FeatureValue("id", "1"), FeatureValue("b", "right"), FeatureValue("added", "later")]
    with patch.object(module, "_DECODED_CELLS", 0):
        check(features, [record, record], None, (IDENTIFIER, *features))


def test_most_records_are_complete_and_plain() -> None:
    features = (IDENTIFIER, HALF)
    texts = [encode_features([FeatureValue("id", one), FeatureValue("f", "1.5")]) for one in "ab"]
    columns = complete_columns([texts[0], None, texts[1]], features, features)
    assert columns is not None
    assert [column.to_pylist() for column in columns] == [["a", None, "b"], [1.5, None, 1.5]]


def check(
    features: list[FeatureDefinition],
    records: list[list[FeatureValue] | None],
    random: Any,
    stored: tuple[FeatureDefinition, ...] = (),
) -> None:
    texts = [None if values is None else encode_features(values) for values in records]
    asked = (
        features if random is None else random.sample(features, random.randint(1, len(features)))
    )
    found = table(texts, asked, stored)
    expected = _expected(asked, texts)
    assert found.schema == expected.schema
    # As text, since -0.0 equals 0.0.
    assert str(found.to_pydict()) == str(expected.to_pydict())
    found.validate(full=True)


def test_records_are_cut_in_pieces(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "_PIECE_BYTES", 200)
    monkeypatch.setattr(module, "_FEW_CELLS", 0)
    feature = FeatureDefinition("f", FeatureType.INTEGRAL)
    texts = [
        None
        if number % 7 == 3
        else encode_features([FeatureValue("id", str(number)), FeatureValue("f", str(number))])
        for number in range(50)
    ]
    found = table(texts, [feature])
    assert found.column("f").num_chunks > 10
    assert found.column("f").to_pylist() == [
        None if number % 7 == 3 else number for number in range(50)
    ]


def test_records_of_many_features() -> None:
    features = [FeatureDefinition(f"f{number}", FeatureType.INTEGRAL) for number in range(300)]
    records = [
        [
            FeatureValue("id", row),
            *(FeatureValue(one.name, f"{row}{one.name[1:]}") for one in features),
        ]
        for row in "123"
    ]
    check(features, records, None, (IDENTIFIER, *features))
