"""A state machine that drives any online store beside the memory store.

After every step three things must be the same: the store's newest records, the memory store's, and
the replay of the whole log. Time moves by hand, forwards and now and then backwards.

Subclass it and give `open_store`:

    class Machine(OnlineStoreMachine):
        def open_store(self) -> OnlineStore: ...

    TestMachine = Machine.TestCase
"""

from abc import abstractmethod

import pyarrow as pa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tandem.model.decision import NewestState
from tandem.model.event_time import EventTime
from tandem.model.record import FeatureValue
from tandem.model.targets import TargetStores
from tandem.model.time_to_live import is_expired
from tandem.model.write import LogEntry, Operation, RecordKey, Write
from tandem.online.base import OnlineStore, Request
from tandem.online.features_json import decode_features
from tandem.online.memory import MemoryOnlineStore
from tandem.rows.record_table import check_rows
from tandem.rows.segment import one_by_one
from tandem.testing.replay import replay
from tandem.testing.segment_contract import segment_write, small_group
from tandem.testing.writes import FEATURE_ORDER

_GROUPS = ("group-1", "group-2")
# Few keys and few moments, so that writes meet; one identifier is too long for an LMDB key.
_KEYS = [RecordKey(group, name) for group in _GROUPS for name in ("a", "b", "long" * 150)]
_START_US = 1_700_000_000_000_000

_TARGETS = [
    TargetStores.ONLINE,
    TargetStores.OFFLINE,
    TargetStores.ONLINE | TargetStores.OFFLINE,
]
_event_times = st.builds(EventTime, st.integers(-2, 4), st.sampled_from([0, 1, 999_999_999]))

Visible = dict[RecordKey, tuple[NewestState, tuple[FeatureValue, ...]]]


@st.composite
def writes(draw: st.DrawFn, now_ms: int) -> Write:
    """Any write a service could make, with times and expiries that are likely to collide."""
    operation = draw(st.sampled_from(Operation))
    key = draw(st.sampled_from(_KEYS))
    is_update = operation is Operation.UPDATE
    event_time = draw(st.none() | _event_times) if is_update else draw(_event_times)
    features = (
        {}
        if operation.is_delete
        else draw(
            st.dictionaries(
                st.sampled_from(["a", "b"]), st.sampled_from(["", "1", "é\0"]), min_size=1
            )
        )
    )
    if not is_update:
        features["id"] = key.identifier
    if event_time is not None:
        features["time"] = event_time.isoformat()
    expires_in_ms = (
        None if operation.is_delete or event_time is None else draw(st.none() | st.integers(-3, 6))
    )
    return Write(
        operation=operation,
        key=key,
        event_time=event_time,
        targets=TargetStores.ONLINE if is_update else draw(st.sampled_from(_TARGETS)),
        values=tuple(
            FeatureValue(name, features[name]) for name in FEATURE_ORDER if name in features
        ),
        expires_at_ms=None if expires_in_ms is None else now_ms + expires_in_ms,
        feature_order=FEATURE_ORDER,
        invoked_at_us=1,
    )


class OnlineStoreMachine(RuleBasedStateMachine):
    @abstractmethod
    def open_store(self) -> OnlineStore:
        """A new, empty store; called once for each run."""

    def __init__(self) -> None:
        super().__init__()
        self.store = self.open_store()
        self.model = MemoryOnlineStore()
        self.now_us = _START_US
        self.last_write_time_us = 0
        self.log: list[LogEntry] = []

    @rule(data=st.data())
    def write(self, data: st.DataObject) -> None:
        batch = data.draw(st.lists(writes(self.now_us // 1_000), min_size=1, max_size=5))
        outcomes = self.store.write(batch, lambda: self.now_us)
        self.last_write_time_us = max(self.now_us, self.last_write_time_us + 1)
        assert outcomes == self.model.write(batch, lambda: self.last_write_time_us)
        with self.store.log() as log:
            after = self.log[-1].position if self.log else 0
            self.log += one_by_one(log.parts(0, after))

    @rule(data=st.data())
    def load(self, data: st.DataObject) -> None:
        """A segment in this store; in the memory store, its puts one after the other. Writes that
        come with it in one call see it, and it sees them.
        """
        group_id = data.draw(st.sampled_from(_GROUPS))
        keys = [key.identifier for key in _KEYS if key.group_id == group_id]
        rows = data.draw(st.lists(st.tuples(st.sampled_from(keys), _event_times), min_size=1))
        table = pa.table(
            {
                "id": [identifier for identifier, _ in rows],
                "time": [event_time.isoformat() for _, event_time in rows],
                "b": data.draw(
                    st.lists(
                        st.sampled_from([None, "", "é\0"]), min_size=len(rows), max_size=len(rows)
                    )
                ),
            }
        )
        checked = check_rows(small_group(group_id), table, stops_at_first=True).table
        # Moments are a few seconds from 1970: a time to live that ends about now.
        now_seconds = self._commit_time_us() // 1_000_000
        ttl_seconds = data.draw(st.none() | st.integers(now_seconds - 5, now_seconds + 5))
        targets = data.draw(st.sampled_from(_TARGETS))
        self.last_write_time_us = max(self.now_us, self.last_write_time_us + 1)
        some = st.lists(writes(self.now_us // 1_000), max_size=2)
        before, behind = data.draw(some), data.draw(some)
        outcomes = []
        for store in (self.store, self.model):
            with segment_write(
                store, checked, targets=targets, ttl_seconds=ttl_seconds, group_id=group_id
            ) as write:
                together: list[Request] = [*before, write, *behind]
                outcomes.append(store.write(together, lambda: self.last_write_time_us))
        assert outcomes[0] == outcomes[1]
        with self.store.log() as log:
            self.log += one_by_one(log.parts(0, self.log[-1].position if self.log else 0))

    @rule()
    def clean(self) -> None:
        self.store.staging.clean()

    @rule(milliseconds=st.integers(-1, 5))
    def move_clock(self, milliseconds: int) -> None:
        self.now_us += milliseconds * 1_000

    @rule(limit=st.integers(1, 4))
    def sweep(self, limit: int) -> None:
        now_ms = self._commit_time_us() // 1_000
        if self.store.sweep(now_ms, limit):
            self.last_write_time_us = max(self.last_write_time_us, now_ms * 1_000)

    @rule(through=st.integers(0, 20))
    def trim(self, through: int) -> None:
        # Only what has been read may go, as delivery does it.
        last = self.log[-1].position if self.log else 0
        self.store.trim(0, min(through, last))

    @invariant()
    def serves_what_the_model_and_the_replay_say(self) -> None:
        now_ms = self._commit_time_us() // 1_000
        served = self._visible(self.store, now_ms)
        assert served == self._visible(self.model, now_ms)
        replayed = {
            key: held
            for key, held in replay(self.log).items()
            if not is_expired(held[0].expires_at_ms, now_ms)
        }
        assert served == replayed

    @invariant()
    def scans_what_it_serves(self) -> None:
        now_ms = self._commit_time_us() // 1_000
        scanned = {
            RecordKey(group, identifier)
            for group in _GROUPS
            for identifier, record in self.store.scan(group, None, 100)
            if not is_expired(record.expires_at_ms, now_ms)
        }
        assert scanned == set(self._visible(self.store, now_ms))

    def teardown(self) -> None:
        self.store.close()

    def _commit_time_us(self) -> int:
        # The store's clock never steps back behind its last commit; readers must not either.
        return max(self.now_us, self.last_write_time_us)

    def _visible(self, store: OnlineStore, now_ms: int) -> Visible:
        return {
            key: (record.state, decode_features(record.features_json))
            for key, record in zip(_KEYS, store.get(_KEYS), strict=True)
            if record is not None and not is_expired(record.expires_at_ms, now_ms)
        }
