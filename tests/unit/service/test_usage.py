"""What was counted comes together in the registry, outlives processes, and is never doubled."""

from pathlib import Path

import pytest

from tandem.assembly.core import Core
from tandem.assembly.settings import Settings
from tandem.errors import ResourceNotFound, StoreUnavailable, ValidationError
from tandem.model.feature_group import FeatureGroup
from tandem.model.usage import Peaks, Period, UsageCounts
from unit.service.scenes import START_US, ManualClock, definition, record

FOR_EVER = (0, 1 << 52)
MINUTE_S = START_US // 1_000_000 // 60 * 60


def minutes(core: Core) -> dict[int, tuple[int, int]]:
    """Records read and written, by minute from the first on."""
    return {
        (one.row.start_s - MINUTE_S) // 60: (
            one.row.counts.records_read,
            one.row.counts.records_written,
        )
        for one in core.usage.of("customers", Period.MINUTE, *FOR_EVER)
    }


def put(core: Core, count: int = 1) -> None:
    for _ in range(count):
        core.records.put("customers", record()).result()


def test_usage_is_by_minute_and_hour(
    core: Core, customers: FeatureGroup, clock: ManualClock
) -> None:
    put(core, 2)
    core.usage.keep()
    clock.forward(60)
    core.usage.keep()
    put(core, 3)
    core.records.get("customers", "C1")
    assert minutes(core) == {0: (0, 2), 1: (1, 3)}
    (hour,) = core.usage.of("customers", Period.HOUR, *FOR_EVER)
    assert hour.group_name == "customers"
    assert hour.row.counts == UsageCounts(
        records_read=1,
        records_written=5,
        consumed_read_requests_units=1,
        consumed_write_requests_units=5,
    )
    assert hour.row.peaks == Peaks(1, 3)


def test_a_span_begins_with_the_period_that_holds_it(
    core: Core, customers: FeatureGroup, clock: ManualClock
) -> None:
    put(core)
    core.usage.keep()
    now_us = clock()
    assert len(core.usage.of("customers", Period.MINUTE, now_us + 9_000_000, now_us + 9_000_001))
    assert not core.usage.of("customers", Period.MINUTE, now_us + 60_000_000, now_us + 90_000_000)
    with pytest.raises(ValidationError, match="ends"):
        core.usage.of("customers", Period.MINUTE, now_us, now_us - 1)


def test_an_unknown_group_is_refused(core: Core) -> None:
    with pytest.raises(ResourceNotFound):
        core.usage.of("nobody", Period.HOUR, *FOR_EVER)
    with pytest.raises(ResourceNotFound):
        core.usage.stored("nobody")


def test_of_all_groups_a_deleted_one_keeps_its_usage(core: Core, customers: FeatureGroup) -> None:
    put(core)
    core.groups.delete("customers")
    core.groups.create(definition("others"))
    (one,) = core.usage.of(None, Period.HOUR, *FOR_EVER)
    assert (one.group_name, one.row.counts.records_written) == ("customers", 1)


def test_usage_outlives_the_store_and_adds_up(tmp_path: Path, clock: ManualClock) -> None:
    settings = Settings(data=tmp_path / "data", online_map_size_bytes=1 << 26)
    for expected in (2, 4):
        core = Core(settings, clock, in_background=False)
        if expected == 2:
            core.groups.create(definition())
        put(core, 2)
        core.close()
        core = Core(settings, clock, in_background=False)
        assert minutes(core) == {0: (0, expected)}
        core.close()


def test_what_cannot_be_kept_is_counted_again(
    core: Core, customers: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(core, 2)

    def fail(_rows: object) -> None:
        raise StoreUnavailable("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(core.usage._registry, "add_usage", fail)
        with pytest.raises(StoreUnavailable):
            core.usage.keep()
        put(core)
        with pytest.raises(StoreUnavailable):
            core.usage.keep()
    assert minutes(core) == {0: (0, 3)}


def test_old_usage_is_forgotten(core: Core, customers: FeatureGroup, clock: ManualClock) -> None:
    put(core)
    core.usage.keep()
    clock.forward(Period.MINUTE.kept_seconds + 60)
    core.usage.trim()
    assert minutes(core) == {}
    assert len(core.usage.of("customers", Period.HOUR, *FOR_EVER)) == 1
    clock.forward(Period.HOUR.kept_seconds)
    core.usage.trim()
    assert not core.usage.of("customers", Period.HOUR, *FOR_EVER)


def test_what_is_stored(core: Core, customers: FeatureGroup) -> None:
    assert core.usage.stored("customers").online_bytes == 0
    core.records.put("customers", record(note="é")).result()
    core.records.put("customers", record("C2")).result()
    core.records.delete("customers", "C2", "2.0").result()
    stored = core.usage.stored("customers")
    # id, time and note are 10 bytes of names and C1, 1.0 and é 7; of C2, id, time and 5 are left.
    assert (stored.online_records, stored.online_bytes) == (1, 17 + 11)
    assert stored.offline_bytes == 0
    core.delivery.deliver_once()
    files = (core.settings.data / "s3").rglob("data/year=*/**/*.parquet")
    delivered = sum(file.stat().st_size for file in files)
    assert core.usage.stored("customers").offline_bytes == delivered > 0


def test_a_group_of_history_alone_stores_nothing_online(core: Core) -> None:
    core.groups.create(definition("history", online=False))
    core.groups.create(definition("serving", offline=False))
    assert core.usage.stored("history").online_records == 0
    assert core.usage.stored("serving").offline_bytes == 0
