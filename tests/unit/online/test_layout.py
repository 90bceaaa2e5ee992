"""A packed record is read back as it was, or its damage is told."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.errors import DataCorrupted
from tandem.model.write import RecordKey
from tandem.online import layout
from tandem.online.base import Mark
from tandem.online.lmdb import LmdbOnlineStore
from tandem.online.online_record import OnlineRecord
from tandem.testing.segment_contract import rows_to_load, segment_write
from tandem.testing.writes import a_put

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=700)
_HEADER_BYTES_MIN = 42
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


def test_a_log_value_of_any_shorter_length_is_refused(tmp_path: Path) -> None:
    store = LmdbOnlineStore(tmp_path, 1 << 24)
    with segment_write(store, rows_to_load([("c1", 1)])) as segment:
        store.write([a_put("c2"), segment], lambda: 1)
    with store._environment.begin(store._log) as transaction:
        values = dict(transaction.cursor())
    assert [layout.is_segment(raw) for raw in values.values()] == [False, True]
    for key, whole in values.items():
        for length in range(len(whole)):
            raw = whole[:length]
            # Of a header that is cut off, nobody can say that another group's entry has it.
            assert layout.is_entry_of(raw, b"group-9") or length >= _HEADER_BYTES_MIN
            is_segment = layout.is_segment(raw)
            with pytest.raises(DataCorrupted, match=key.hex()):
                _ = (
                    layout.unpack_segment(0, key, raw, store._files.read)
                    if is_segment
                    else layout.unpack_entry(0, key, raw)
                )
    store.close()


def test_a_mark_of_any_shorter_length_is_refused() -> None:
    raw = layout.pack_mark(b"load", Mark("load", b"", b"7 rows", 5))
    assert layout.unpack_mark(b"load", raw) == (5, b"7 rows")
    for length in range(len(raw)):
        with pytest.raises(DataCorrupted, match="checksum of a mark"):
            layout.unpack_mark(b"load", raw[:length])
