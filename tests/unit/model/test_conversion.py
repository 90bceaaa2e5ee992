"""Conversions: what a value becomes in another type, and which have no form in it."""

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.errors import ValidationError
from tandem.model.conversion import Conversion
from tandem.model.event_time import SECONDS_MAX, SECONDS_MIN, EventTime, parse_double
from tandem.model.feature_group import (
    CollectionType,
    FeatureDefinition,
    FeatureGroup,
    FeatureType,
    OnlineStoreConfig,
    StorageType,
)
from tandem.model.limits import RECORD_BYTES_MAX
from tandem.model.record import FeatureValue, Record, check_record

STRING, INTEGRAL, FRACTIONAL = FeatureType.STRING, FeatureType.INTEGRAL, FeatureType.FRACTIONAL
MOMENT = EventTime(1_714_566_600, 0)


def group(
    value: FeatureType = STRING,
    *,
    identifier: FeatureType = STRING,
    event_time: FeatureType = STRING,
    collection: CollectionType | None = None,
    features: tuple[FeatureDefinition, ...] = (),
) -> FeatureGroup:
    return FeatureGroup(
        name="g",
        group_id="g-1",
        record_identifier_name="id",
        event_time_name="time",
        features=(
            FeatureDefinition("id", identifier),
            FeatureDefinition("time", event_time),
            FeatureDefinition("value", value, collection),
            *features,
        ),
        created_at_us=1,
        modified_at_us=1,
        online=OnlineStoreConfig(True, StorageType.IN_MEMORY),
    )


def converted(
    before: FeatureGroup,
    after: FeatureGroup,
    value: str | tuple[str, ...] = "1",
    *,
    identifier: str = "1",
    written: str | None = None,
    event_time: EventTime = MOMENT,
) -> Record:
    """The record of the target. `identifier` is canonical, and `written` as the caller wrote it."""
    values = (
        FeatureValue("id", written or identifier),
        FeatureValue("time", "as written"),
        FeatureValue("value", value),
    )
    return Conversion(before, after).record(identifier, event_time, values)


def value_of(record: Record, name: str = "value") -> object:
    return dict(record.values)[name]


@pytest.mark.parametrize(
    ("before", "after", "text", "expected"),
    [
        (INTEGRAL, FRACTIONAL, "+007", "+007"),
        (INTEGRAL, FRACTIONAL, "9223372036854775807", "9223372036854775807"),
        (INTEGRAL, STRING, "+007", "+007"),
        (FRACTIONAL, STRING, "8.950e1", "8.950e1"),
        (FRACTIONAL, INTEGRAL, "89", "89"),
        (FRACTIONAL, INTEGRAL, "89.", "89"),
        (FRACTIONAL, INTEGRAL, "89.000", "89"),
        (FRACTIONAL, INTEGRAL, "+8.9E+1", "89"),
        (FRACTIONAL, INTEGRAL, "8900e-2", "89"),
        (FRACTIONAL, INTEGRAL, "-0.0", "0"),
        (FRACTIONAL, INTEGRAL, ".0e-400", "0"),
        (FRACTIONAL, INTEGRAL, "0e9999", "0"),
        (FRACTIONAL, INTEGRAL, "-9223372036854775808.0", "-9223372036854775808"),
        (STRING, INTEGRAL, "007", "007"),
        (STRING, INTEGRAL, "7.0", "7"),
        (STRING, FRACTIONAL, "1e-3", "1e-3"),
        (STRING, STRING, "anything", "anything"),
    ],
)
def test_values(before: FeatureType, after: FeatureType, text: str, expected: str) -> None:
    assert value_of(converted(group(before), group(after), text)) == expected


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (FRACTIONAL, INTEGRAL, "89.5"),
        (FRACTIONAL, INTEGRAL, "89.00000000000000000000000000001"),  # one, as a double
        (FRACTIONAL, INTEGRAL, "9223372036854775808"),
        (FRACTIONAL, INTEGRAL, "1e300"),
        (FRACTIONAL, INTEGRAL, "1e-9"),
        (STRING, INTEGRAL, "1e99999"),
        (STRING, INTEGRAL, "1e-99999"),
        (STRING, INTEGRAL, ""),
        (STRING, INTEGRAL, " 1"),
        (STRING, INTEGRAL, "1,000"),
        (STRING, INTEGRAL, "e5"),
        (STRING, INTEGRAL, "."),
        (STRING, INTEGRAL, "٣"),
        (STRING, INTEGRAL, "٣.0"),
        (STRING, FRACTIONAL, "NaN"),
        (STRING, FRACTIONAL, "inf"),
        (STRING, FRACTIONAL, "1e999"),
        (STRING, FRACTIONAL, "0x10"),
        (STRING, FRACTIONAL, "yes"),
    ],
)
def test_values_without_a_form_in_the_other_type(
    before: FeatureType, after: FeatureType, text: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        converted(group(before), group(after), text, identifier="C1")
    message = str(refused.value)
    assert message.startswith("record 'C1': ")
    assert repr(text) in message
    assert "'value'" in message
    assert after in message


@pytest.mark.parametrize(
    "text",
    ["1" * 350_000, "0" * 350_000 + ".5", "1." + "0" * 350_000 + "x", "1" * 350_000 + "e5x"],
)
def test_long_texts_are_refused_at_once(text: str) -> None:
    start = time.thread_time()
    for kind in (INTEGRAL, FRACTIONAL):
        with pytest.raises(ValidationError) as refused:
            converted(group(STRING), group(kind, event_time=FRACTIONAL), text + "x")
        assert len(str(refused.value)) < 300
    assert time.thread_time() - start < 2


def test_elements_of_collections() -> None:
    def lists(kind: FeatureType) -> FeatureGroup:
        return group(kind, collection=CollectionType.LIST)

    assert value_of(converted(lists(FRACTIONAL), lists(INTEGRAL), ("1.0", "2"))) == ("1", "2")
    assert value_of(converted(lists(FRACTIONAL), lists(INTEGRAL), ())) == ()
    with pytest.raises(ValidationError, match=r"'1\.5' of feature 'value'"):
        converted(lists(FRACTIONAL), lists(INTEGRAL), ("1.0", "1.5"))


def test_a_set_stays_a_set() -> None:
    def sets(kind: FeatureType) -> FeatureGroup:
        return group(kind, collection=CollectionType.SET)

    assert value_of(converted(sets(FRACTIONAL), sets(STRING), ("1.0", "1"))) == ("1.0", "1")
    with pytest.raises(ValidationError, match="Set 'value' holds an element twice"):
        converted(sets(FRACTIONAL), sets(INTEGRAL), ("1.0", "1"))


@pytest.mark.parametrize(
    ("before", "after", "canonical", "written", "expected"),
    [
        (INTEGRAL, STRING, "7", "007", "7"),
        (FRACTIONAL, STRING, "7.0", "7", "7.0"),
        (FRACTIONAL, INTEGRAL, "1e+16", "1e16", "10000000000000000"),
        (INTEGRAL, FRACTIONAL, "7", "+7", "7.0"),
        (STRING, INTEGRAL, "007", "007", "7"),
        (STRING, FRACTIONAL, "1e0", "1e0", "1.0"),
    ],
)
def test_identifiers_are_converted_from_their_canonical_form(
    before: FeatureType, after: FeatureType, canonical: str, written: str, expected: str
) -> None:
    """Else one record of the source would be two in the clone, under "7" and "007"."""
    found = converted(
        group(identifier=before), group(identifier=after), identifier=canonical, written=written
    )
    assert found.identifier == expected


def test_identifiers_of_the_same_type_stay_as_written() -> None:
    same = converted(group(identifier=INTEGRAL), group(identifier=INTEGRAL), written="007")
    assert (same.identifier, value_of(same, "id")) == ("1", "007")
    other = converted(
        group(STRING, identifier=INTEGRAL), group(INTEGRAL, identifier=INTEGRAL), written="007"
    )
    assert (other.identifier, value_of(other, "id")) == ("1", "007")


@pytest.mark.parametrize(
    ("before", "after", "identifier", "may_meet"),
    [
        (STRING, STRING, "7", False),
        (STRING, INTEGRAL, "7", True),
        (STRING, FRACTIONAL, "7", True),
        (INTEGRAL, STRING, "7", False),
        (FRACTIONAL, STRING, "7.0", False),
        (FRACTIONAL, INTEGRAL, "7.0", False),
        (INTEGRAL, FRACTIONAL, str(2**53 - 1), False),
        (INTEGRAL, FRACTIONAL, str(2**53), True),
        (INTEGRAL, FRACTIONAL, str(-(2**53) - 1), True),
    ],
)
def test_which_identifiers_may_meet(
    before: FeatureType, after: FeatureType, identifier: str, may_meet: bool
) -> None:
    conversion = Conversion(group(identifier=before), group(identifier=after))
    assert conversion.may_meet(identifier) is may_meet


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (EventTime(0, 0), "0.0"),
        (EventTime(1_714_566_600, 500_000_000), "1714566600.5"),
        (EventTime(-1, 999_999_999), "-1e-09"),
        (EventTime(SECONDS_MIN, 0), "-62167219200.0"),
        (EventTime(1, 1), "1.000000001"),
    ],
)
def test_event_times_as_numbers(moment: EventTime, text: str) -> None:
    found = converted(group(), group(event_time=FRACTIONAL), event_time=moment)
    assert value_of(found, "time") == text
    assert found.event_time == parse_double(text)


def test_the_last_moment_has_no_number() -> None:
    last = EventTime(SECONDS_MAX, 999_999_999)
    with pytest.raises(ValidationError, match=r"record '1': feature 'time': .* out of range"):
        converted(group(), group(event_time=FRACTIONAL), event_time=last)


MOMENTS = st.builds(EventTime, st.integers(SECONDS_MIN, SECONDS_MAX - 1), st.integers(0, 10**9 - 1))


@given(MOMENTS)
def test_an_event_time_becomes_the_nearest_double(moment: EventTime) -> None:
    found = converted(group(), group(event_time=FRACTIONAL), event_time=moment)
    exact = moment.seconds + Fraction(moment.nanoseconds, 10**9)
    assert float(str(value_of(found, "time"))) == float(exact)


@given(st.floats(2.0**23, SECONDS_MAX))
def test_an_event_time_comes_back_from_text(seconds: float) -> None:
    """Doubles of after April 1970 are further apart than a nanosecond."""
    numbers, texts = group(event_time=FRACTIONAL), group()
    moment = parse_double(repr(seconds))
    there = converted(numbers, texts, event_time=moment)
    assert there.event_time == moment
    back = converted(texts, numbers, event_time=there.event_time)
    assert float(str(value_of(back, "time"))) == seconds


def test_an_event_time_as_written_stays_where_its_type_does() -> None:
    found = converted(group(STRING), group(INTEGRAL), "1")
    assert (value_of(found, "time"), found.event_time) == ("as written", MOMENT)


def test_features_that_the_target_lacks_are_left_out() -> None:
    wide = group(features=(FeatureDefinition("old", STRING),))
    values = (FeatureValue("id", "1"), FeatureValue("time", "t"), FeatureValue("old", "x"))
    found = Conversion(wide, group()).record("1", MOMENT, values)
    assert found == Record("1", MOMENT, values[:2])


def test_a_record_that_grows_too_large_is_refused() -> None:
    text = "x" * (RECORD_BYTES_MAX - len("id" + "1" + "time" + "0.5" + "value"))
    before, after = group(event_time=FRACTIONAL), group()
    values = (FeatureValue("id", "1"), FeatureValue("time", "0.5"), FeatureValue("value", text))
    assert check_record(before, values).values == values
    with pytest.raises(ValidationError, match=r"record '1': the record has \d+ bytes"):
        Conversion(before, after).record("1", EventTime(0, 500_000_000), values)


TEXTS = st.from_regex(r"\A[+-]?([0-9]{1,5}(\.[0-9]{0,3})?|\.[0-9]{1,3})([eE][+-]?[0-9]{1,2})?\Z")


@given(TEXTS)
def test_a_number_becomes_a_whole_one_if_and_only_if_it_is_one(text: str) -> None:
    exact = Fraction(text.rstrip(".").replace(".e", "e").replace(".E", "E"))
    fits = exact.denominator == 1 and -(2**63) <= exact < 2**63
    try:
        found = value_of(converted(group(FRACTIONAL), group(INTEGRAL), text))
    except ValidationError:
        assert not fits
    else:
        assert fits
        assert int(str(found)) == exact
