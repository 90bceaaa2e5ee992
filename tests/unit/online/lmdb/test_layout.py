"""A packed record is read back as it was, or its damage is told."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.errors import DataCorrupted
from tandem.model.write import RecordKey
from tandem.online.lmdb import layout
from tandem.online.online_record import OnlineRecord

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=700)
_RECORDS = st.builds(
    OnlineRecord,
    features_json=st.binary(max_size=60),
    expires_at_ms=st.none() | st.integers(-(2**40), 2**40),
    is_deleted=st.booleans(),
    event_seconds=st.integers(-(2**40), 2**40),
    event_nanoseconds=st.integers(0, 999_999_999),
)


@given(identifier=_TEXT, record=_RECORDS)
@settings(deadline=None)
def test_a_record_is_read_as_it_was_packed(identifier: str, record: OnlineRecord) -> None:
    key = layout.record_key(RecordKey("g-1", identifier))
    raw = layout.pack_record(key, identifier, record)
    assert layout.unpack_newest(key, raw) == record
    assert layout.unpack_record(key, raw) == (identifier, record)


def test_a_record_with_any_bit_changed_is_refused() -> None:
    key = layout.record_key(RecordKey("g-1", "c1"))
    raw = layout.pack_record(key, "c1", OnlineRecord(b'[{"FeatureName":"a"}]', 7, False, 5, 6))
    for bit in range(8 * len(raw)):
        damaged = bytearray(raw)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DataCorrupted, match="checksum of a record"):
            layout.unpack_newest(key, bytes(damaged))
    for length in range(len(raw)):
        with pytest.raises(DataCorrupted, match="checksum of a record"):
            layout.unpack_newest(key, raw[:length])
    with pytest.raises(DataCorrupted):
        layout.unpack_newest(layout.record_key(RecordKey("g-1", "c2")), raw)


@given(st.lists(st.tuples(st.sampled_from(["g-1", "g-2"]), _TEXT), max_size=5))
@settings(deadline=None)
def test_keys_of_many_are_those_of_each(pairs: list[tuple[str, str]]) -> None:
    keys = [RecordKey(*pair) for pair in pairs]
    assert layout.record_keys(keys) == [layout.record_key(key) for key in keys]
