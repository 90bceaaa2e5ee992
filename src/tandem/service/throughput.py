"""Throughput: what reads and writes of records cost in units, and who is out of them.

* Every read and write of records passes here, once it is known to be valid. A group in mode
  OnDemand is counted, one in mode Provisioned is also held to its units a second.
* The units of a group are shared by all processes that serve it. A process takes some at a time
  from the group's bucket, and keeps what it has not used for its next calls: so most calls ask
  nobody, and an idle process withholds a twentieth of a second's units at most.
* What is counted goes to the registry every few seconds (`tandem.service.usage`). A process that is
  killed loses what it has counted since; nothing is ever counted twice.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from tandem.errors import Throttled
from tandem.model.feature_group import FeatureGroup, ThroughputMode
from tandem.model.throughput import READ_UNIT_BYTES, Direction, read_units, write_units
from tandem.model.usage import UsageCounts
from tandem.online.features_json import record_bytes

_ON_DEMAND = ThroughputMode.ON_DEMAND
_SHARES_OF_A_SECOND = 20
"""A process takes a second's units by this beside those that it needs."""
_MEMBERS = ("ProvisionedReadCapacityUnits", "ProvisionedWriteCapacityUnits")
_VERBS = ("reads", "writes")

(
    _RECORDS_READ,
    _RECORDS_WRITTEN,
    _READ_REQUEST_UNITS,
    _WRITE_REQUEST_UNITS,
    _READ_CAPACITY_UNITS,
    _WRITE_CAPACITY_UNITS,
    _THROTTLED,
    _ROWS_LOADED,
    _LOAD_UNITS,
) = range(len(UsageCounts._fields))


class Buckets(Protocol):
    """The buckets of all groups, shared by the processes of a store."""

    def take(
        self, group_id: str, direction: Direction, units_per_second: int, needed: int, wanted: int
    ) -> int:
        """How many units were taken: none, or `needed` and further ones up to `wanted`. Raises
        StoreUnavailable.
        """

    def keep_only(self, group_ids: Callable[[], frozenset[str]]) -> None:
        """Forgets the buckets of other groups than these, which are asked for once it is known
        what there is.
        """


class _Meter:
    """What one group has used in this process, and the units at hand, by direction."""

    __slots__ = ("at_hand", "counts", "lock", "rates")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.counts = [0] * len(UsageCounts._fields)
        self.rates = [0, 0]
        self.at_hand = [0, 0]


class Throughput:
    """Safe to use from many threads."""

    def __init__(self, group_of_id: Callable[[str], FeatureGroup | None], buckets: Buckets) -> None:
        self._group_of_id = group_of_id
        self._buckets = buckets
        self._meters: dict[str, _Meter] = {}

    def read(
        self, group: FeatureGroup, records_json: Sequence[bytes], *, some: bool = False
    ) -> int:
        """Counts records that were found, by their JSON; returns how many of them may be answered.

        That is all of them, or it raises Throttled; with `some`, the first ones, perhaps none.
        """
        meter = self._meters.get(group.group_id) or self._new_meter(group.group_id)
        if group.throughput.mode is not _ON_DEMAND:
            return self._read_provisioned(meter, group, records_json, some=some)
        units = 0
        for features_json in records_json:
            # A record's JSON is longer than its names and values: this is all there is, mostly.
            units += 1 if len(features_json) <= READ_UNIT_BYTES else _units(features_json)
        count = len(records_json)
        meter.lock.acquire()  # `with` would take longer than all that is done
        try:
            counts = meter.counts
            counts[_RECORDS_READ] += count
            counts[_READ_REQUEST_UNITS] += units
        finally:
            meter.lock.release()
        return count

    def read_one(self, group: FeatureGroup, features_json: bytes) -> None:
        """`read` of one record: in fewer steps, since one is what is mostly read."""
        meter = self._meters.get(group.group_id)
        if (
            meter is None
            or len(features_json) > READ_UNIT_BYTES
            or group.throughput.mode is not _ON_DEMAND
        ):
            self.read(group, (features_json,))
            return
        meter.lock.acquire()
        try:
            counts = meter.counts
            counts[_RECORDS_READ] += 1
            counts[_READ_REQUEST_UNITS] += 1
        finally:
            meter.lock.release()

    def write(self, group_id: str, size_bytes: int) -> Throttled | None:
        """Counts a record that is to be written; returns the error where it may not be."""
        meter = self._meters.get(group_id) or self._new_meter(group_id)
        units = write_units(size_bytes)
        group = self._group_of_id(group_id)
        if group is None or group.throughput.mode is _ON_DEMAND:
            with meter.lock:
                meter.counts[_RECORDS_WRITTEN] += 1
                meter.counts[_WRITE_REQUEST_UNITS] += units
            return None
        with meter.lock:
            if not self._take(meter, group, Direction.WRITE, units):
                meter.counts[_THROTTLED] += 1
                return _throttled(group, Direction.WRITE, units)
            meter.counts[_RECORDS_WRITTEN] += 1
            meter.counts[_WRITE_CAPACITY_UNITS] += units
        return None

    def load(self, group_id: str, rows: int, units: int) -> None:
        """Counts rows that came in a table. They are not throttled."""
        meter = self._meters.get(group_id) or self._new_meter(group_id)
        with meter.lock:
            meter.counts[_ROWS_LOADED] += rows
            meter.counts[_LOAD_UNITS] += units

    def take_counts(self) -> Mapping[str, UsageCounts]:
        """What was counted since the last call, by group id; it is counted here no more."""
        found = {}
        for group_id, meter in list(self._meters.items()):
            with meter.lock:
                if any(meter.counts):
                    found[group_id] = UsageCounts(*meter.counts)
                    meter.counts = [0] * len(UsageCounts._fields)
        return found

    def return_counts(self, counts: Mapping[str, UsageCounts]) -> None:
        """Counts again what was taken and could not be kept."""
        for group_id, one in counts.items():
            meter = self._meters[group_id]
            with meter.lock:
                meter.counts = [*one.plus(meter.counts)]

    def _read_provisioned(
        self, meter: _Meter, group: FeatureGroup, records_json: Sequence[bytes], *, some: bool
    ) -> int:
        each = [_units(features_json) for features_json in records_json]
        with meter.lock:
            if some:
                count = self._first(meter, group, each)
            elif self._take(meter, group, Direction.READ, sum(each)):
                count = len(each)
            else:
                meter.counts[_THROTTLED] += len(each)
                raise _throttled(group, Direction.READ, sum(each), records=len(each))
            meter.counts[_RECORDS_READ] += count
            meter.counts[_READ_CAPACITY_UNITS] += sum(each[:count])
            meter.counts[_THROTTLED] += len(each) - count
        return count

    def _first(self, meter: _Meter, group: FeatureGroup, each: Sequence[int]) -> int:
        """How many records there are units for, from the first on."""
        for index, units in enumerate(each):
            if not self._take(meter, group, Direction.READ, units):
                return index
        return len(each)

    def _take(self, meter: _Meter, group: FeatureGroup, direction: Direction, units: int) -> bool:
        """Takes units out of what is at hand, and what is missing there out of the bucket."""
        rate = _rate(group, direction)
        if meter.rates[direction] != rate:
            meter.rates[direction] = rate
            meter.at_hand[direction] = 0
        missing = units - meter.at_hand[direction]
        if missing > 0:
            wanted = missing + rate // _SHARES_OF_A_SECOND
            taken = self._buckets.take(group.group_id, direction, rate, missing, wanted)
            if taken < missing:
                return False
            meter.at_hand[direction] += taken
        meter.at_hand[direction] -= units
        return True

    def _new_meter(self, group_id: str) -> _Meter:
        return self._meters.setdefault(group_id, _Meter())


def _units(features_json: bytes) -> int:
    if len(features_json) <= READ_UNIT_BYTES:
        return 1
    return read_units(record_bytes(features_json))


def _rate(group: FeatureGroup, direction: Direction) -> int:
    throughput = group.throughput
    return (throughput.read_units, throughput.write_units)[direction] or 0


def _throttled(
    group: FeatureGroup, direction: Direction, units: int, *, records: int = 1
) -> Throttled:
    member, verb = _MEMBERS[direction], _VERBS[direction]
    # Units are saved up for a while only: a call may ask for more than there ever are.
    fewer = ", ask for fewer records at a time" if records > 1 else ""
    return Throttled(
        f"the {verb} of feature group {group.name!r} exceed its {member}"
        f" ({_rate(group, direction)} a second) by {units} units: try again later{fewer},"
        f" raise {member}, or switch to ThroughputMode OnDemand"
    )
