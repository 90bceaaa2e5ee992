"""Files that other programs put into a history, from the file to the row."""

import logging
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tandem.assembly.core import Core
from tandem.assembly.settings import Settings
from tandem.errors import ResourceNotFound, TandemError, ValidationError
from tandem.model.changes import GroupUpdate
from tandem.model.feature_group import FeatureDefinition, FeatureGroup, FeatureType
from tandem.model.targets import TargetStores
from tandem.offline.arrivals import ArrivalFolder
from tandem.online.base import Mark
from tandem.service import adoption, ingestion_chunks
from tandem.service.cloning import CloneRequest
from tandem.service.dataset_request import TrainingSetRequest
from unit.service.scenes import ManualClock, definition, record, training_rows

BOTH = TargetStores.ONLINE | TargetStores.OFFLINE
HOUR = "year=2024/month=05/day=01/hour=12"


@pytest.fixture
def core(tmp_path: Path, clock: ManualClock) -> Iterator[Core]:
    settings = Settings(
        data=tmp_path / "data", online_map_size_bytes=1 << 26, adoption_still_seconds=0.001
    )
    running = Core(settings, clock, in_background=False)
    yield running
    running.close()


def data_folder(core: Core, group: FeatureGroup) -> Path:
    assert group.offline is not None
    return core.settings.data / "s3" / group.offline.resolved_uri.removeprefix("s3://")


def rows(*identifiers: str, time: float = 1.0, **columns: object) -> pa.Table:
    count = len(identifiers)
    given = {"id": list(identifiers), "time": [time] * count}
    return pa.table({**given, **{name: [value] * count for name, value in columns.items()}})


def put_file(core: Core, group: FeatureGroup, table: pa.Table, name: str = "part-0") -> Path:
    path = data_folder(core, group) / HOUR / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path


def history(core: Core, group: FeatureGroup, columns: str = "id, orders") -> list[tuple]:
    found = core.queries.sql(f'SELECT {columns} FROM "{group.name}" ORDER BY ALL').to_pylist()
    return [tuple(row.values()) for row in found]


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_rows_of_a_file_are_history_at_once_and_in_tandems_own_files_later(
    core: Core, customers: FeatureGroup
) -> None:
    path = put_file(core, customers, rows("a", "b", orders=3))
    path.with_name(f".{path.name}.crc").write_bytes(b"of Hadoop")
    done = core.adoption.adopt("customers")
    assert [(file.path, file.rows) for file in done.adopted] == [(f"{HOUR}/part-0.parquet", 2)]
    assert (done.rows, done.refused, done.waiting, done.repeated) == (2, (), (), ())
    assert history(core, customers) == [("a", 3), ("b", 3)]
    # Who lists the folder never sees a row twice.
    assert files_in(data_folder(core, customers)) == []
    core.delivery.deliver_all()
    assert history(core, customers) == [("a", 3), ("b", 3)]
    assert pq.read_table(data_folder(core, customers)).num_rows == 2
    assert core.adoption.adopt("customers") == adoption.FilesAdopted()
    assert core.records.get("customers", "a") is None


def test_a_row_counts_as_written_when_it_was_first_seen(
    core: Core, customers: FeatureGroup, clock: ManualClock
) -> None:
    before_us = clock.now_us
    clock.forward(10)
    long_ago = datetime(2001, 1, 1)
    claims = {"write_time": long_ago, "api_invocation_time": long_ago, "year": "2001"}
    put_file(core, customers, rows("a", orders=7, **claims))
    core.adoption.adopt("customers")
    labels = pa.table({"customer": ["a"], "moment": [5.0]})
    found = {}
    for as_of_us in (before_us, None):
        request = TrainingSetRequest(
            features=["customers:orders"],
            event_time="moment",
            keys={"customers": "customer"},
            as_of_us=as_of_us,
        )
        found[as_of_us] = training_rows(core, labels, request).to_pylist()[0]["orders"]
    assert found == {before_us: None, None: 7}
    ((write_time, call_time),) = history(core, customers, "write_time, api_invocation_time")
    assert min(write_time, call_time) > long_ago.replace(year=2023)


def test_delete_markers_count(core: Core, customers: FeatureGroup) -> None:
    table = rows("a", "b", orders=1)
    table = pa.concat_tables([table, rows("a", time=2.0, orders=None)], promote_options="default")
    table = table.append_column("is_deleted", pa.array([False, None, True]))
    put_file(core, customers, table)
    assert core.adoption.adopt("customers", BOTH).rows == 3
    assert history(core, customers, "id, orders, is_deleted") == [
        ("a", 1, False),
        ("a", None, True),
        ("b", 1, False),
    ]
    assert core.records.get("customers", "a") is None
    assert core.records.get("customers", "b") is not None


@pytest.mark.parametrize("by_tag", [False, True])
def test_the_call_or_the_groups_tag_can_ask_for_the_online_store(
    core: Core, customers: FeatureGroup, by_tag: bool
) -> None:
    core.records.put("customers", record("a", 5.0, orders=50)).result()
    if by_tag:
        core.updates.tag("customers", {adoption.TARGETS_TAG: "OnlineStore"})
    table = pa.concat_tables([rows("a", "b", time=4.0, orders=40), rows("a", time=6.0, orders=60)])
    put_file(core, customers, table)
    core.adoption.adopt("customers", None if by_tag else BOTH)
    served = core.records.get("customers", "a")
    assert served is not None
    assert dict(served.values())["orders"] == "60"
    assert core.records.get("customers", "b") is not None


def test_columns_are_found_by_name_whatever_their_order_case_and_width(
    core: Core, customers: FeatureGroup
) -> None:
    table = pa.table(
        {
            "Orders": pa.array([1], pa.int8()),
            "TIME": pa.array([1], pa.int32()),
            "note": pa.array(["x"]).dictionary_encode(),
            "id": pa.array(["a"], pa.large_string()),
            "is_deleted": pa.nulls(1),
        }
    )
    put_file(core, customers, table)
    assert core.adoption.adopt("customers").refused == ()
    assert history(core, customers, "id, time, orders, note") == [("a", 1.0, 1, "x")]


BAD_TABLES = {
    "unknown": (rows("a", colour="red"), "the columns ['colour'], which are no features"),
    "no key": (rows("a").drop_columns(["id"]), "no column 'id'"),
    "no time": (rows("a").drop_columns(["time"]), "no column 'time'"),
    "null key": (pa.table({"id": ["a", None], "time": [1.0, 1.0]}), "row 1 does not fit"),
    "a type": (rows("a", orders="many"), "row 0 does not fit: the value 'many'"),
    "a mark": (rows("a", is_deleted="no"), "'is_deleted' is of type string"),
    "twice": (rows("a", orders=1, Orders=2), "two columns for the feature 'orders'"),
    "a deleted row": (
        pa.table({"id": ["a", None], "time": [1.0, 1.0], "is_deleted": [False, True]}),
        "one of its rows 0 to 1 does not fit",
    ),
}


@pytest.mark.parametrize("case", BAD_TABLES)
def test_a_bad_file_is_refused_whole_and_said_why(
    core: Core, customers: FeatureGroup, caplog: pytest.LogCaptureFixture, case: str
) -> None:
    table, reason = BAD_TABLES[case]
    content = put_file(core, customers, table).read_bytes()
    put_file(core, customers, rows("good", orders=1), "part-1")
    with caplog.at_level(logging.ERROR, "tandem.adoption"):
        done = core.adoption.adopt("customers")
    (refused,) = done.refused
    assert reason in refused.reason
    assert reason in caplog.text
    assert [file.rows for file in done.adopted] == [1]
    assert history(core, customers, "id") == [("good",)]
    kept = data_folder(core, customers).parent / refused.kept_at
    assert kept.read_bytes() == content
    assert core.adoption.refused() == [refused]
    # It counts as refused until somebody has removed it.
    assert core.adoption.adopt("customers").refused == (refused,)
    kept.unlink()
    assert core.adoption.adopt("customers").refused == ()
    assert core.adoption.refused() == []


def test_a_damaged_page_is_found_before_any_row_is_taken(
    core: Core, customers: FeatureGroup
) -> None:
    path = put_file(core, customers, rows(*(f"c{n}" for n in range(5_000)), orders=1))
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(content)
    (refused,) = core.adoption.adopt("customers").refused
    assert "cannot be read" in refused.reason
    assert history(core, customers) == []


def test_what_is_not_whole_waits_and_is_named_in_time(core: Core, customers: FeatureGroup) -> None:
    whole = put_file(core, customers, rows("a"))
    content = whole.read_bytes()
    for name, written in {
        "half.parquet": content[: len(content) // 2],
        "empty.parquet": b"",
        "end.parquet": content[-12:],
        "table.csv": b"id,time\n",
    }.items():
        whole.with_name(name).write_bytes(written)
    whole.with_name("link.parquet").symlink_to(whole)
    whole.with_name("_SUCCESS").touch()
    hidden = whole.parent / "_temporary" / "0" / "x.parquet"
    hidden.parent.mkdir(parents=True)
    hidden.write_bytes(content)
    done = core.adoption.adopt("customers")
    assert done.rows == 1
    waiting = {Path(file.path).name: file.reason for file in done.waiting}
    assert waiting.keys() == {
        "empty.parquet",
        "end.parquet",
        "half.parquet",
        "link.parquet",
        "table.csv",
    }
    assert "no footer" in waiting["half.parquet"]
    assert "does not end in .parquet" in waiting["table.csv"]
    assert "link" in waiting["link.parquet"]
    assert core.adoption.overdue() == {}
    # Its writer goes on.
    whole.with_name("half.parquet").write_bytes(content)
    assert core.adoption.adopt("customers").rows == 1


def test_a_file_that_waits_too_long_is_overdue(
    core: Core, customers: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_file(core, customers, rows("a")).write_bytes(b"nothing")
    monkeypatch.setattr("tandem.model.adopted_files.STILL_SECONDS_OVERDUE", -1.0)
    core.adoption.adopt_everywhere()
    (waiting,) = core.adoption.overdue()[customers.group_id]
    assert waiting.path == f"{HOUR}/part-0.parquet"
    put_file(core, customers, rows("a"))
    core.adoption.adopt("customers")
    assert core.adoption.overdue() == {}


def test_the_background_waits_until_a_file_stands_still(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", adoption_still_seconds=0.4)
    core = Core(settings, in_background=False)
    group = core.groups.create(definition())
    path = put_file(core, group, rows("a"))
    core.adoption.adopt_everywhere()
    assert path.exists()
    assert core.adoption.adopt("customers").rows == 1  # the call waits
    core.close()


def test_the_same_file_is_not_adopted_twice_and_another_of_its_name_is_refused(
    core: Core, customers: FeatureGroup
) -> None:
    content = put_file(core, customers, rows("a", orders=1)).read_bytes()
    core.adoption.adopt("customers")
    path = put_file(core, customers, rows("a", orders=1))
    path.write_bytes(content)
    done = core.adoption.adopt("customers")
    assert (done.rows, done.repeated) == (0, (f"{HOUR}/part-0.parquet",))
    assert not path.exists()
    put_file(core, customers, rows("a", orders=2))
    (refused,) = core.adoption.adopt("customers").refused
    assert "was adopted before" in refused.reason
    assert history(core, customers) == [("a", 1)]


def test_tandems_own_files_are_left_alone_whatever_delivery_left_behind(
    core: Core, customers: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    core.records.put("customers", record("a", orders=1)).result()
    registry = core.delivery._manifests

    def dies(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(registry, "advance", dies)
        with pytest.raises(KeyboardInterrupt):
            core.delivery.deliver_all()
    assert len(files_in(data_folder(core, customers))) == 1
    core.adoption.adopt_everywhere()
    assert history(core, customers) == [("a", 1)]
    core.delivery.deliver_all()
    core.adoption.adopt("customers")
    assert history(core, customers) == [("a", 1)]
    # A file with such a name that nobody delivers is somebody else's: AWS's are called so.
    put_file(core, customers, rows("b", orders=2), "20240501T125959Z_108934320012Az11")
    assert core.adoption.adopt("customers").rows == 1


def test_clones_and_the_archive_have_the_rows(core: Core, customers: FeatureGroup) -> None:
    put_file(core, customers, rows("a", orders=1))
    core.adoption.adopt("customers")
    core.delivery.deliver_all()
    assert [entry.key.identifier for entry in core.offline.archived(customers)] == ["a"]
    core.cloning.clone(CloneRequest(source="customers", target="copy", types={}))
    assert history(core, core.groups.describe("copy")) == [("a", 1)]


def test_many_files_are_one_batch_in_the_order_of_their_names(
    core: Core, customers: FeatureGroup
) -> None:
    for number in (2, 0, 1):
        put_file(core, customers, rows("a", orders=number), f"part-{number}")
    core.adoption.adopt("customers", BOTH)
    served = core.records.get("customers", "a")
    assert served is not None
    assert dict(served.values())["orders"] == "2"


def test_features_that_came_or_went(core: Core, customers: FeatureGroup) -> None:
    shop = FeatureDefinition("shop", FeatureType.STRING)
    core.updates.update("customers", GroupUpdate(additions=(shop,)))
    core.updates.retire_feature("customers", "note")
    put_file(core, customers, rows("a", orders=1), "before")
    put_file(core, customers, rows("b", shop="corner"), "after")
    put_file(core, customers, rows("c", note="x"), "retired")
    done = core.adoption.adopt("customers")
    assert "['note']" in done.refused[0].reason
    assert history(core, customers, "id, orders, shop") == [("a", 1, None), ("b", None, "corner")]


def test_where_no_file_is_adopted(core: Core) -> None:
    core.groups.create(definition("online", offline=False))
    with pytest.raises(ValidationError, match="offline store"):
        core.adoption.adopt("online")
    with pytest.raises(ResourceNotFound):
        core.adoption.adopt("nobody")
    core.groups.create(definition("history", online=False))
    with pytest.raises(ValidationError, match="TargetStores"):
        core.adoption.adopt("history", BOTH)
    with pytest.raises(ValidationError, match="adopted into the offline store"):
        core.adoption.adopt("history", TargetStores.ONLINE)
    core.adoption.adopt_everywhere()


def test_a_tag_that_says_nothing_stops_that_group_alone(
    core: Core, customers: FeatureGroup, caplog: pytest.LogCaptureFixture
) -> None:
    core.updates.tag("customers", {adoption.TARGETS_TAG: "Online"})
    other = core.groups.create(definition("others"))
    put_file(core, other, rows("a"))
    core.adoption.adopt_everywhere()
    assert "has 'Online'" in caplog.text
    assert history(core, other, "id") == [("a",)]


STEPS = ["take", "seal", "finish"]


@pytest.mark.parametrize("is_before", [True, False])
@pytest.mark.parametrize("step", STEPS)
def test_a_look_that_dies_at_a_step_is_gone_on_with(
    core: Core,
    customers: FeatureGroup,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    is_before: bool,
) -> None:
    put_file(core, customers, rows("a", "b", orders=1), "good")
    put_file(core, customers, rows("a", orders="many"), "bad")
    done = getattr(ArrivalFolder, step)

    def dies(*arguments: object, **named: object) -> None:
        if not is_before:
            done(*arguments, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(ArrivalFolder, step, dies)
        with pytest.raises(KeyboardInterrupt):
            core.adoption.adopt("customers", BOTH)
    core.adoption.adopt_everywhere()
    assert history(core, customers, "id") == [("a",), ("b",)]
    assert len(core.adoption.refused()) == 1
    folder = data_folder(core, customers).parent
    assert files_in(folder / "_adopting") == []
    # Into which stores the rows go was said when the files were taken.
    was_taken = step != "take" or not is_before
    assert (core.records.get("customers", "a") is not None) == was_taken


def test_a_look_that_dies_at_any_commit_is_gone_on_with(
    core: Core, customers: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingestion_chunks, "CHUNK_ROWS", 4)
    monkeypatch.setattr(adoption, "_DELETES_AT_ONCE", 2)
    names = [f"c{number}" for number in range(10)]
    marks = pa.array([number % 2 == 1 for number in range(10)])
    put_file(core, customers, rows(*names, orders=1).append_column("is_deleted", marks))
    write, commits = core.online.write, 0

    def dies_at(number: int) -> None:
        def counted(requests, clock):
            nonlocal commits
            if any(isinstance(request, Mark) for request in requests):
                commits += 1
                if commits == number:
                    raise OSError("the process is killed here")
            return write(requests, clock)

        monkeypatch.setattr(core.online, "write", counted)

    expected = [(name, None if number % 2 else 1) for number, name in enumerate(names)]
    for number in range(1, 20):
        commits = 0
        dies_at(number)
        try:
            core.adoption.adopt("customers")
        except (OSError, TandemError):
            continue
        break
    assert number > 3
    assert history(core, customers) == expected
    with core.online.log() as log:
        assert log.end(0) == 10


def test_two_at_once_share_the_files_out(core: Core, customers: FeatureGroup) -> None:
    for number in range(20):
        put_file(core, customers, rows(f"c{number}", orders=number), f"part-{number}")
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(core.adoption.adopt("customers").rows))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(found) == 20
    assert len(history(core, customers)) == 20


def test_a_group_made_again_gets_no_rows_of_the_one_before(
    core: Core, customers: FeatureGroup, monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    put_file(core, customers, rows("a"))
    seal = ArrivalFolder.seal

    def made_again(*arguments: object, **named: object) -> object:
        core.groups.delete("customers")
        clock.forward(5)
        core.groups.create(definition())
        return seal(*arguments, **named)

    monkeypatch.setattr(ArrivalFolder, "seal", made_again)
    with pytest.raises(ResourceNotFound, match="deleted meanwhile"):
        core.adoption.adopt("customers")
    assert history(core, core.groups.describe("customers")) == []


def test_a_deleted_groups_refused_files_trouble_nobody(core: Core, customers: FeatureGroup) -> None:
    put_file(core, customers, rows("a", colour="red"))
    core.adoption.adopt("customers")
    assert len(core.adoption.refused()) == 1
    core.groups.delete("customers")
    assert core.adoption.refused() == []
