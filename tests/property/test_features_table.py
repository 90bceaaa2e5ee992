"""Records as columns are what decoding them value by value gives, whatever is in them."""

from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tandem.model.feature_group import CollectionType, FeatureDefinition, FeatureType
from tandem.model.record import FeatureValue
from tandem.online.features_json import decode_features, encode_features
from tandem.rows import features_table as module
from tandem.rows.features_table import features_table
from tandem.rows.history_rows import arrow_type

_READ = {FeatureType.STRING: str, FeatureType.INTEGRAL: int, FeatureType.FRACTIONAL: float}
_WHOLE = st.one_of(
    st.integers(-(2**63), 2**63 - 1).map(str),
    st.sampled_from(["+7", "007", "-0", "+0", "0" * 30 + "12", "-9223372036854775808"]),
)
_NUMBER = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    _WHOLE,
    st.sampled_from(
        [
            "0." + "0" * 330 + "1",
            "1" * 300,
            "-0.0",
            "+1.5",
            ".5",
            "5.",
            "1e308",
            "1e-400",
            "-1E-400",
            "4.9e-324",
            "1.50",
            "+.5e+2",
        ]
    ),
)
_TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.text('"\\{}[]:,\n\x00\x0bé日😀nullu'),
    st.sampled_from(['"},{"FeatureName":"a', "\\", '\\"', "[{", "007", "1e5", ""]),
)
_TEXTS = {
    FeatureType.INTEGRAL: _WHOLE,
    FeatureType.FRACTIONAL: _NUMBER,
    FeatureType.STRING: _TEXT,
}


@st.composite
def _records(draw: Any) -> tuple[list[FeatureDefinition], list[list[FeatureValue] | None]]:
    kinds = st.tuples(st.sampled_from(list(FeatureType)), st.sampled_from([None, "List"]))
    features = [
        FeatureDefinition(f"f{number}", type_, CollectionType.LIST if many else None)
        for number, (type_, many) in enumerate(draw(st.lists(kinds, min_size=1, max_size=5)))
    ]
    records: list[list[FeatureValue] | None] = []
    for _ in range(draw(st.integers(0, 6))):
        if not draw(st.booleans()) and draw(st.booleans()):
            records.append(None)
            continue
        values = []
        for feature in features:
            text = _TEXTS[feature.type]
            if draw(st.integers(0, 4)):
                value = draw(
                    text if feature.collection is None else st.lists(text, max_size=3).map(tuple)
                )
                values.append(FeatureValue(feature.name, value))
        # No record is without values: it has an identifier.
        records.append([FeatureValue("id", draw(_TEXT)), *values])
    return features, records


def _value(feature: FeatureDefinition, text: str | tuple[str, ...]) -> Any:
    read = _READ[feature.type]
    return read(text) if isinstance(text, str) else [read(element) for element in text]


def _expected(features: list[FeatureDefinition], texts: list[bytes | None]) -> pa.Table:
    rows = [dict(decode_features(text)) if text is not None else {} for text in texts]
    return pa.table(
        {
            feature.name: pa.array(
                [
                    _value(feature, row[feature.name]) if feature.name in row else None
                    for row in rows
                ],
                arrow_type(feature),
            )
            for feature in features
        }
    )


@pytest.mark.parametrize("few_cells", [0, 256])
@given(made=_records(), random=st.randoms(use_true_random=False))
@example(made=([FeatureDefinition("f", FeatureType.FRACTIONAL)], [None]), random=None)
@settings(max_examples=300, deadline=None)
def test_columns_are_what_values_are_one_by_one(few_cells: int, made: Any, random: Any) -> None:
    with patch.object(module, "_FEW_CELLS", few_cells):
        check(*made, random)


def check(
    features: list[FeatureDefinition], records: list[list[FeatureValue] | None], random: Any
) -> None:
    texts = [None if values is None else encode_features(values) for values in records]
    asked = (
        features if random is None else random.sample(features, random.randint(1, len(features)))
    )
    found = features_table(texts, asked)
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
    found = features_table(texts, [feature])
    assert found.column("f").num_chunks > 10
    assert found.column("f").to_pylist() == [
        None if number % 7 == 3 else number for number in range(50)
    ]
