"""Records as they are stored, of features of any types: what tests of their readers are given."""

from typing import Any

from hypothesis import strategies as st

from tandem.model.feature_group import CollectionType, FeatureDefinition, FeatureType
from tandem.model.record import FeatureValue

READ = {FeatureType.STRING: str, FeatureType.INTEGRAL: int, FeatureType.FRACTIONAL: float}
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
def stored_records(
    draw: Any, *, is_complete: bool = False
) -> tuple[list[FeatureDefinition], list[list[FeatureValue] | None]]:
    """Features and records of them, which have all of them where that is asked for; each has an
    identifier besides.
    """
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
            if is_complete or draw(st.integers(0, 4)):
                value = draw(
                    text if feature.collection is None else st.lists(text, max_size=3).map(tuple)
                )
                values.append(FeatureValue(feature.name, value))
        # No record is without values: it has an identifier.
        records.append([FeatureValue("id", draw(_TEXT)), *values])
    return features, records


def python_value(feature: FeatureDefinition, text: str | tuple[str, ...]) -> Any:
    read = READ[feature.type]
    return read(text) if isinstance(text, str) else [read(element) for element in text]
