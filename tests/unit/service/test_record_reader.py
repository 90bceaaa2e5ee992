"""A reader of records says what `Records.get` says, whatever has changed since it last looked."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tandem.assembly.core import Core
from tandem.errors import ResourceNotFound, TandemError, Throttled, ValidationError
from tandem.model.feature_group import FeatureGroup, FeatureType, ThroughputConfig, ThroughputMode
from tandem.model.time_to_live import TtlDuration, TtlUnit
from tandem.online.online_record import OnlineRecord
from tandem.service.record_reader import RecordReader
from tandem.service.records import DeletionMode
from unit.service.scenes import START_US, ManualClock, definition, record

NOW = START_US / 1e6
Read = Callable[[str], bytes | None]


def same(core: Core, read: Read, name: str = "customers", identifier: str = "C1") -> Any:
    """What both say, and count; an error by its class and text."""
    said, throughput = [], core.records._throughput
    for way in (lambda: core.records.get(name, identifier), lambda: read(identifier)):
        throughput.take_counts()
        try:
            found: Any = way()
        except TandemError as error:
            found = (type(error), str(error))
        found = getattr(found, "features_json", found)
        said.append((found, throughput.take_counts()))
    assert said[0] == said[1]
    return said[0][0]


def test_it_reads_what_is_served(core: Core, customers: FeatureGroup, clock: ManualClock) -> None:
    read = core.records.reader("customers").read
    assert same(core, read) is None
    core.records.put("customers", record(note="x")).result()
    assert b'"x"' in same(core, read)
    core.records.put("customers", record("é", 2.0, note="y" * 9_000)).result()
    assert b"yyy" in same(core, read, identifier="é")
    assert same(core, read, identifier="0" * 2_049)[0] is ValidationError
    hour = TtlDuration(TtlUnit.HOURS, 1)
    core.records.put("customers", record(time=NOW), ttl=hour).result()
    assert same(core, read) is not None
    clock.forward(3_601)
    assert same(core, read) is None
    core.records.put("customers", record(time=NOW + 4_000)).result()
    core.records.delete("customers", "C1", str(NOW + 4_001), DeletionMode.SOFT).result()
    assert same(core, read) is None
    core.records.put("customers", record(time=NOW + 4_002)).result()
    core.records.delete("customers", "C1", str(NOW + 4_003), DeletionMode.HARD).result()
    assert same(core, read) is None


@pytest.mark.parametrize("kind", [FeatureType.INTEGRAL, FeatureType.FRACTIONAL])
def test_identifiers_that_are_numbers_have_many_forms(core: Core, kind: FeatureType) -> None:
    new = definition()
    identifier, *others = new.features
    features = (replace(identifier, type=kind), *others)
    core.groups.create(replace(new, features=features))
    core.records.put("customers", record("7")).result()
    read = core.records.reader("customers").read
    assert same(core, read, identifier="+07") is not None
    assert same(core, read, identifier="seven")[0] is ValidationError


def test_changes_of_the_definition_count_at_once(core: Core, customers: FeatureGroup) -> None:
    core.records.put("customers", record(note="x", orders=1)).result()
    core.aliases.set("newest", "customers")
    reads = {name: core.records.reader(name).read for name in ("customers", "newest")}

    def both() -> Any:
        first, second = (same(core, read, name) for name, read in reads.items())
        return first, second

    assert b"note" in both()[0]
    core.updates.retire_feature("customers", "note")
    assert b"note" not in both()[0]
    core.updates.restore_feature("customers", "note")
    assert b"note" in both()[0]
    other = core.groups.create(definition("others"))
    core.records.put("others", record(note="other")).result()
    core.aliases.set("newest", other.name)
    first, second = both()
    assert b"other" in second
    assert b"other" not in first
    core.groups.delete("customers")
    assert both()[0][0] is ResourceNotFound
    core.groups.create(definition())
    assert both()[0] is None
    core.aliases.remove("newest")
    assert both()[1][0] is ResourceNotFound


def test_a_group_without_an_online_store_says_so(core: Core) -> None:
    core.groups.create(definition(online=False))
    assert same(core, core.records.reader("customers").read)[0] is ValidationError


def test_units_that_are_provisioned_are_taken(core: Core) -> None:
    throughput = ThroughputConfig(ThroughputMode.PROVISIONED, 1, 10)
    core.groups.create(definition(throughput=throughput))
    core.records.put("customers", record()).result()
    read = core.records.reader("customers").read
    read("C1")
    with pytest.raises(Throttled):
        [read("C1") for _ in range(100)]


def test_a_change_that_is_about_to_come_is_not_missed() -> None:
    """The stamp may name a version that is still being written, as other processes see it."""
    before, after = (SimpleNamespace(group_id=name, is_served_whole=True) for name in "ab")
    for group in (before, after):
        group.record_identifier = SimpleNamespace(type=FeatureType.STRING)
    groups = SimpleNamespace(version=1, found=before)
    stamp = SimpleNamespace(number=1)
    groups.stamp = SimpleNamespace(read=lambda: stamp.number)
    groups.find_for_reading = lambda _: groups.found
    asked = []

    def get(keys: Any) -> list[OnlineRecord]:
        asked.append(keys[0].group_id)
        return [OnlineRecord(b"[]", None, False, 0, 0)]

    nothing = cast("Any", SimpleNamespace(get=get, read_one=lambda *_: None))
    reader = RecordReader("x", cast("Any", groups), nothing, nothing, lambda: 0, lambda _: None)
    reader.read("1")
    stamp.number = 2
    reader.read("1")
    groups.version, groups.found = 2, after
    reader.read("1")
    assert asked == ["a", "a", "b"]
