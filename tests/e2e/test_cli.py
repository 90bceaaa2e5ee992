"""The command line, as a user runs it: on a folder and on a server.

Commands run in this process, which takes a tenth of the time; those of `process` have one of their
own each, where that is what a test is about.
"""

import json
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tandem
from e2e.command_line import COMMAND, CommandLine, CommandProcess
from e2e.locations import ON_A_FOLDER
from e2e.server_process import free_port

SAMPLE = """customer_id,event_time,orders,spend,premium,note
C1,2024-01-01T00:00:00Z,1,10.50,True,hello
C2,2024-01-01T00:00:00Z,5,,False,
C1,2024-02-01T00:00:00Z,2,20.25,True,[bold]x[/bold]
"""
KEYS = ("--record-identifier", "customer_id", "--event-time", "event_time")


@pytest.fixture(scope="module")
def cli(location: str, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    folder = tmp_path_factory.mktemp("commands")
    (folder / "sample.csv").write_text(SAMPLE)
    return CommandLine(location, folder)


@pytest.fixture(scope="module")
def process(cli: CommandLine) -> CommandProcess:
    return CommandProcess(cli.location, cli.folder)


@pytest.fixture(scope="module", autouse=True)
def customers(cli: CommandLine) -> str:
    """A group with the rows of the sample, which no test changes. It makes the folder's store."""
    said = cli("create", "customers", "--like", "sample.csv", *KEYS, "--tag", "team=growth")
    assert said == "created customers\n"
    assert cli("ingest", "customers", "sample.csv") == "wrote 3 records to customers\n"
    return "customers"


def create(cli: CommandLine, name: str) -> None:
    cli("create", name, "--like", "sample.csv", *KEYS)


def test_groups_are_listed(cli: CommandLine) -> None:
    lines = cli("groups", "custom").splitlines()
    assert lines[0].split("  ")[0] == "name"
    assert lines[2].startswith("customers")
    assert cli.json("groups", "customers")[0] | {"created": ""} == {
        "name": "customers",
        "status": "Created",
        "stores": ["OnlineStore", "OfflineStore"],
        "features": 6,
        "record_identifier": "customer_id",
        "event_time": "event_time",
        "tags": {"team": "growth"},
        "created": "",
    }
    assert cli("groups", "no-such-name") == "none\n"
    assert cli.json("groups", "no-such-name") == []


def test_search(cli: CommandLine) -> None:
    assert "customers" in cli("search", "spend")
    assert [one["name"] for one in cli.json("search", "--tag", "team=growth")] == ["customers"]
    found = cli.json("search", "--features", "premium")
    assert found[0] | {"feature_group": ""} == {
        "feature_group": "",
        "feature": "premium",
        "type": "Integral",
        "description": None,
        "parameters": {},
    }


def test_describe(cli: CommandLine) -> None:
    found = cli.json("describe", "customers")
    assert (found["rows"], found["records"]) == (3, 2)
    assert found["features"][2] == {"name": "orders", "type": "Integral"}
    assert found["history"].startswith("s3://tandem/")
    assert found["last_event_time"] == "2024-02-01T00:00:00Z"
    assert {row["customer_id"] for row in found["sample"]} == {"C1", "C2"}
    shown = cli("describe", "customers")
    assert "team=growth" in shown
    assert "[bold]x[/bold]" in shown
    assert "ago)" in shown


def test_create_from_a_sample(cli: CommandLine, name: str) -> None:
    options = ("--type", "orders=String", "--no-online", "--description", "of [b]", "--json")
    said = json.loads(cli("create", name, "--like", "sample.csv", *KEYS, *options))
    assert [one["name"] for one in said] == [name]
    found = cli.json("describe", name)
    assert found["stores"] == ["OfflineStore"]
    assert found["description"] == "of [b]"
    assert {one["name"]: one["type"] for one in found["features"]}["orders"] == "String"


def test_create_from_a_declaration(cli: CommandLine, name: str) -> None:
    path = cli.folder / "one.yaml"
    path.write_text(
        f"feature_group: {name}\nrecord_identifier: id\nevent_time: t\n"
        "features: {id: String, t: {type: String, description: when}}\nonline: {ttl: 2 weeks}\n"
    )
    assert cli("create", "-f", "one.yaml") == f"created {name}\n"
    found = cli.json("describe", name)
    assert found["ttl"] == "2 weeks"
    assert found["features"][1]["description"] == "when"
    assert "use 'tandem apply -f' to change it" in cli("create", "-f", "one.yaml", code=1)
    path.write_text(path.read_text() + f"---\nalias: a\nfeature_group: {name}\n")
    assert "aliases" in cli("create", "-f", "one.yaml", code=1)


def test_update_tags_and_delete(cli: CommandLine, name: str) -> None:
    create(cli, name)
    cli("update", name, "--add-feature", "score=Fractional", "--ttl", "30 days")
    found = cli.json("describe", name)
    assert found["features"][-1] == {"name": "score", "type": "Fractional"}
    assert found["ttl"] == "30 days"
    cli("update", name, "--ttl", "none", "--storage-type", "Standard_V2")
    cli("update", name, "--throughput-mode", "Provisioned", "--read-units", "5")
    found = cli.json("describe", name)
    assert (found["ttl"], found["storage_type"]) == (None, "Standard_V2")
    assert cli.json("tags", name, "team=growth", "tier=gold") == {"team": "growth", "tier": "gold"}
    assert cli.json("tags", name, "team=risk", "--remove", "tier") == {"team": "risk"}
    assert "risk" in cli("tags", name)
    assert cli("delete", name) == f"deleted {name}\n"
    assert name in cli("describe", name, code=1)


def test_what_is_said_of_a_feature(cli: CommandLine, name: str) -> None:
    create(cli, name)
    said = cli.json(
        *("feature", name, "orders", "--description", "so far"),
        *("--parameter", "unit=order", "--parameter", "pii=no"),
    )
    assert said == {"description": "so far", "parameters": {"unit": "order", "pii": "no"}}
    assert "so far" in cli("feature", name, "orders")
    cli("feature", name, "orders", "--description", "", "--remove", "pii")
    assert cli.json("feature", name, "orders") == {
        "description": None,
        "parameters": {"unit": "order"},
    }
    found = cli.json("search", "--features", "--parameter", "unit=order")
    assert [one["feature_group"] for one in found] == [name]


@ON_A_FOLDER
def test_commands_are_processes(
    process: CommandProcess, store: tandem.FeatureStore, name: str
) -> None:
    """Beside one that has the store open, and sees at once what they change."""
    create(process, name)
    assert "event_time" in process("put", name, "customer_id=A", code=1)
    process("put", name, "customer_id=A", "event_time=2024-01-02T00:00:00Z", "orders=2")
    assert process.run("get", name, "A", "B", "--json") == (
        1,
        json.dumps([process.json("get", name, "A"), None], indent=2) + "\n",
        f"Error: no record in {name}: B\n",
    )
    assert "No such option" in process("get", name, "A", "--none", code=2)
    assert store.feature_group(name).get("A")["orders"] == 2
    declaration = f"feature_group: {name}-2\nrecord_identifier: id\nevent_time: t\n"
    (process.folder / "second.yaml").write_text(
        f"{declaration}features: {{id: String, t: String}}\n"
    )
    assert process("apply", "-f", "second.yaml", "--plan", code=3).endswith("1 change to make\n")


def test_put_get_list_and_delete_records(cli: CommandLine, name: str) -> None:
    create(cli, name)
    time = "event_time=2024-01-02T00:00:00Z"
    assert cli("put", name, "customer_id=A=1", time, "orders=2") == f"wrote A=1 to {name}\n"
    cli("put", name, "customer_id=B", time, "--target-store", "OfflineStore")
    cli("put", name, "customer_id=C", time, "--ttl", "1 hour")
    assert cli.json("get", name, "A=1")["orders"] == 2
    assert "2024-01-02T00:00:00Z" in cli("get", name, "A=1", "--feature", "event_time")
    assert cli("list-records", name) == "A=1\n"
    assert "no record in" in cli("get", name, "B", code=1)
    both = cli.run("get", name, "A=1", "B", "--json")
    assert (both.code, json.loads(both.output)[1]) == (1, None)
    assert both.errors == f"Error: no record in {name}: B\n"
    deleted = ("delete-record", name, "A=1", "--event-time", "2024-01-03T00:00:00Z")
    assert cli(*deleted) == f"deleted A=1 in {name}\n"
    assert cli.json("list-records", name) == []
    assert cli.json("list-records", name, "--include-soft-deleted", "--limit", "1") == ["A=1"]
    cli(*deleted[:-1], "2024-01-04T00:00:00Z", "--hard")
    assert cli.json("list-records", name, "--include-soft-deleted") == []


def test_collections_are_written_as_json(cli: CommandLine, name: str) -> None:
    (cli.folder / "vectors.yaml").write_text(
        f"feature_group: {name}\nrecord_identifier: id\nevent_time: t\n"
        "features:\n  id: String\n  t: String\n"
        "  near: {type: Fractional, collection: Vector, dimension: 2}\n"
        "online: {storage_type: InMemory}\noffline: false\n"
    )
    cli("create", "-f", "vectors.yaml")
    cli("put", name, "id=a", "t=2024-01-01T00:00:00Z", "near=[0.5, 1.5]")
    assert cli.json("get", name, "a")["near"] == [0.5, 1.5]
    assert "list in JSON" in cli("put", name, "id=a", "t=2024-01-01T00:00:00Z", "near=x", code=1)
    assert cli("apply", "-f", "vectors.yaml") == "nothing to do\n"


def test_ingest_takes_files_of_every_kind(cli: CommandLine, name: str) -> None:
    create(cli, name)
    (cli.folder / "more.jsonl").write_text(
        '{"customer_id": "J", "event_time": "2024-01-01T00:00:00Z", "orders": 1}\n'
    )
    (cli.folder / "more.tsv").write_text("customer_id\tevent_time\nT\t2024-01-01\n")
    row = {"customer_id": "P", "event_time": "2024-01-01T00:00:00Z", "spend": 1.5}
    pq.write_table(pa.Table.from_pylist([row]), cli.folder / "more.parquet")
    done = cli.json("ingest", name, "more.jsonl")
    assert (done["rows"], done["failed"]) == (1, 0)
    assert cli("ingest", name, "more.tsv") == f"wrote 1 record to {name}\n"
    assert cli("ingest", name, "more.parquet", "--target-store", "OnlineStore").startswith("wrote")
    assert sorted(cli.json("list-records", name)) == ["J", "P", "T"]
    assert "no file 'x*.csv'" in cli("ingest", name, "x*.csv", code=1)
    assert "'x.csv' does not exist" in cli("ingest", name, "x.csv", code=2)


def test_ingest_goes_on_and_leaves_bad_rows_out(cli: CommandLine, name: str) -> None:
    create(cli, name)
    for number in range(3):
        (cli.folder / f"part-{number}.csv").write_text(
            "customer_id,event_time,orders\n"
            f"G{number},2024-01-01T00:00:00Z,1\nB{number},2024-01-01T00:00:00Z,many\n"
        )
    wrong = cli("ingest", name, "part-*.csv", "--ingestion-id", "x", code=1)
    assert "row 1: the value 'many' of feature 'orders'" in wrong
    assert "no row was written" in wrong
    left_out = cli("ingest", name, "part-*.csv", "--failed-rows", "bad.csv", code=1)
    assert "3 rows did not fit: see bad.csv" in left_out
    bad = (cli.folder / "bad.csv").read_text()
    assert bad.splitlines()[0].replace('"', "") == "customer_id,event_time,orders,_row,_reason"
    assert bad.count("is not a whole number") == 3
    (cli.folder / "bad.csv").write_text(bad.replace("many", "7", 1))
    again = ["ingest", name, "bad.csv", "--failed-rows", "worse.parquet", "--ingestion-id", "y"]
    assert "2 rows did not fit" in cli(*again, code=1)
    assert cli.json("get", name, "B0")["orders"] == 7
    assert cli.json(*again)["rows"] == 0
    assert "use .csv or .parquet" in cli(
        "ingest", name, "bad.csv", "--failed-rows", "x.txt", code=1
    )
    assert "none is no folder" in cli(
        "ingest", name, "part-*.csv", "--failed-rows", "none/bad.csv", code=1
    )


def test_query(cli: CommandLine) -> None:
    rows = cli.json("query", 'SELECT customer_id, orders FROM "customers" ORDER BY ALL')
    assert rows[0] == {"customer_id": "C1", "orders": 1}
    shown = cli("query", "SELECT 1 AS a, 2 AS a, '[bold]' AS \"[red]c\"")
    assert shown.splitlines()[0].split() == ["a", "a", "[red]c"]
    assert shown.splitlines()[2].split() == ["1", "2", "[bold]"]
    assert cli.json("query", "SELECT 1 AS a, 2 AS a") == [{"a": 1, "a_2": 2}]
    shown = cli("query", "SELECT range FROM range(1000)")
    assert shown.splitlines()[-1] == "the first 100 of 1000 rows; --json prints all"
    text = cli("query", "SELECT 'inf'::DOUBLE AS x, DATE '2024-01-01' AS d", "--json")
    assert json.loads(text, parse_constant=pytest.fail) == [{"x": None, "d": "2024-01-01"}]


def test_training_sets(cli: CommandLine) -> None:
    (cli.folder / "labels.csv").write_text(
        "customer_id,event_time,churned\n"
        "C1,2024-01-20T00:00:00Z,0\nC2,2024-03-01T00:00:00Z,1\nC1,2024-03-01T00:00:00Z,1\n"
    )
    wanted = ["--feature", "so_far=customers:orders", "--feature", "customers:spend"]
    shown = cli("dataset", "make", "labels.csv", *wanted, "--max-age", "40 days")
    assert "so_far" in shown
    assert "3 rows, recorded as " in shown
    dataset_id = shown.split()[-1]
    made = cli.json("dataset", "make", "labels.csv", *wanted, "--max-age", "customers=40 days")
    assert [row["so_far"] for row in made["rows"]] == [1, None, 2]
    listed = cli.json("dataset", "list")
    assert {made["dataset"]["dataset_id"], dataset_id} <= {one["dataset_id"] for one in listed}
    assert listed[0]["content_hash"] == made["dataset"]["content_hash"]
    assert dataset_id in cli("dataset", "list")
    assert "orders as so_far" in cli("dataset", "show", dataset_id)
    assert cli.json("dataset", "show", dataset_id)["rows"] == 3
    said = cli("dataset", "rebuild", dataset_id, "--out", "again.parquet")
    assert said.startswith("wrote again.parquet\n3 rows")
    assert pq.read_table(cli.folder / "again.parquet")["so_far"].to_pylist() == [1, None, 2]
    newest = cli.json("dataset", "latest", "--feature", "customers:*", "--no-record")
    assert [row["orders"] for row in newest["rows"]] == [2, 5]
    assert newest["dataset"] is None
    then = ["--at", "2024-01-20T00:00:00Z", "--from", "2024-01-01T00:00:00Z", "--until", "2025"]
    then[-1] = "2025-01-01T00:00:00Z"
    found = cli.json(
        "dataset", "latest", "labels.csv", *wanted, *then, "--event-time", "as_of_then"
    )
    assert [row["so_far"] for row in found["rows"]] == [1, 5, 1]
    assert cli("dataset", "delete", dataset_id) == f"deleted {dataset_id}\n"
    for command in ("show", "rebuild", "delete"):
        assert dataset_id in cli("dataset", command, dataset_id, code=1)


def test_schema_changes(cli: CommandLine, name: str) -> None:
    create(cli, name)
    cli("ingest", name, "sample.csv")
    assert cli("retire", name, "note") == f"retired note of {name}\n"
    assert "note" not in cli.json("get", name, "C1")
    assert cli.json("describe", name)["retired_features"] == ["note"]
    assert cli.json("restore", name, "note") == {"feature_group": name, "restored": "note"}
    assert "note" in cli.json("get", name, "C1")
    second = f"{name}-v2"
    assert cli("alias", name + "-now", name).splitlines()[0].startswith("alias")
    assert cli("clone", name, second, "--type", "orders=Fractional").startswith("cloned")
    assert cli.json("describe", second)["rows"] == 3
    assert cli.json("alias", name + "-now", second)[name + "-now"] == second
    assert cli.json("get", name + "-now", "C2")["orders"] == 5.0
    assert "is an alias" in cli("put", name + "-now", "customer_id=x", code=1)
    assert "aliases" in cli("delete", second, code=1)
    assert name + "-now" not in cli.json("alias", name + "-now", "--remove")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["describe", "no-such"], "no-such"),
        (["get", "customers", "nobody"], "nobody"),
        (["put", "customers", "customer_id=x"], "'event_time'"),
        (["put", "customers", "nothing=x"], "'nothing'"),
        (["ingest", "customers", "many.csv"], "row 0: the value 'many' of feature 'orders'"),
        (["ingest", "customers", "latin.csv"], "latin.csv cannot be read"),
        (["ingest", "customers", "other.csv"], "'unknown'"),
        (["query", "SELEC"], "SELEC"),
        (["query", "SELECT * FROM nowhere"], "nowhere"),
        (["update", "customers", "--ttl", "soon"], "'soon'"),
        (["update", "customers", "--storage-type", "Fast"], "'Fast' is not known: use one of"),
        (["tags", "customers", "new=1", "--remove", "a;b"], "'a;b'"),
        (["feature", "customers", "nothing"], "'nothing'"),
        (["retire", "customers", "customer_id"], "cannot be retired"),
        (["restore", "customers", "note"], "not retired"),
        (["clone", "customers", "customers"], "customers"),
        (["clone", "customers", "x", "--type", "note=Integral"], "'note'"),
        (["alias", "customers", "customers"], "called 'customers'"),
        (["alias", "nobody", "--remove"], "'nobody'"),
        (["create", "x", "--like", "sample.csv", *KEYS[:2], "--event-time", "when"], "'when'"),
    ],
)
def test_what_is_refused_is_said_in_one_line(
    cli: CommandLine, arguments: list[str], said: str
) -> None:
    (cli.folder / "many.csv").write_text("customer_id,event_time,orders\nx,2024-01-01,many\n")
    (cli.folder / "other.csv").write_text("customer_id,event_time,unknown\nx,2024-01-01,1\n")
    (cli.folder / "latin.csv").write_bytes(b"customer_id,event_time,note\nx,2024-01-01,\xe9\n")
    looks = (["describe", "customers"], ["groups"], ["alias"])
    before = [cli.json(*look) for look in looks]
    assert said in cli(*arguments, code=1)
    assert [cli.json(*look) for look in looks] == before, "nothing was changed"


def test_control_characters_do_not_reach_the_terminal(cli: CommandLine, name: str) -> None:
    create(cli, name)
    key = "a\x1b[2J\nb"
    cli("put", name, f"customer_id={key}", "event_time=2024-01-01T00:00:00Z")
    for arguments in (["list-records", name], ["get", name, key], ["describe", name]):
        shown = cli(*arguments)
        assert "\x1b" not in shown
        assert r"a\x1b[2J\nb" in shown
    assert cli.json("list-records", name) == [key]
    assert "\x1b" not in cli("get", name, "\x1b[2J", code=1)


@ON_A_FOLDER
def test_a_reader_that_leaves_ends_a_command_quietly(process: CommandProcess) -> None:
    command = [*COMMAND, "query", "SELECT range FROM range(100000)"]
    for arguments in ([], ["--json"]):
        with subprocess.Popen(
            [*command, *arguments],
            env=process.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as running:
            assert running.stdout is not None
            assert running.stderr is not None
            running.stdout.close()
            assert running.stderr.read() == b""


def test_an_interrupt_ends_a_command_without_a_traceback(process: CommandProcess) -> None:
    # A server goes on with what it was asked, so this must end by itself some day.
    slow = "SELECT sum(a.range * b.range) FROM range(100000) a, range(100000) b"
    with subprocess.Popen(
        [*COMMAND, "query", slow],
        env=process.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        deadline = time.monotonic() + 60
        while not has_come_to_the_store(running.pid):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(0.5)
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=60)
    assert running.returncode == 1
    assert errors.strip() == "Aborted!"


def has_come_to_the_store(pid: int) -> bool:
    """Whether a command is past its imports, which take a busy machine seconds, and in its work."""
    files = Path(f"/proc/{pid}/fd")
    if sys.platform != "linux":
        time.sleep(3)
        return True
    with suppress(OSError):  # one of them is closed meanwhile
        opened = [str(descriptor.readlink()) for descriptor in files.iterdir()]
        return any(file.endswith(".mdb") or file.startswith("socket:") for file in opened)
    return False


@ON_A_FOLDER
def test_a_store_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    port = free_port()
    for location, said in (
        ("no-such-folder", "there is no store in 'no-such-folder'"),
        ("folder", "'tandem create' and 'tandem apply' make a store"),
        ("file", "there is no store in 'file'"),
        ("ftp://host", "'ftp://host'"),
        ("http://", "is not a URL"),
        (f"http://127.0.0.1:{port}", "is the server running? 'tandem serve' starts one"),
    ):
        assert said in CommandLine(location, tmp_path)("groups", code=1)
    assert list((tmp_path / "folder").iterdir()) == []
    cli = CommandLine("file", tmp_path)
    (tmp_path / "sample.csv").write_text(SAMPLE)
    assert "'file' cannot be used" in cli("create", "x", "--like", "sample.csv", *KEYS, code=1)


@ON_A_FOLDER
def test_a_store_is_not_made_in_vain(tmp_path: Path) -> None:
    cli = CommandLine("new", tmp_path)
    (tmp_path / "sample.csv").write_text(SAMPLE)
    (tmp_path / "empty.csv").touch()
    (tmp_path / "bad.yaml").write_text("feature_group: x\n")
    (tmp_path / "good.yaml").write_text(
        "feature_group: x\nrecord_identifier: id\nevent_time: t\nfeatures: {id: String, t: String}"
    )
    cli("create", "x", code=2)
    cli("create", "x", "--like", "sample.csv", *KEYS, "--tag", "team", code=2)
    cli("create", "x", "--like", "empty.csv", *KEYS, code=1)
    cli("create", "-f", "bad.yaml", code=1)
    cli("apply", "-f", "bad.yaml", code=1)
    cli("apply", "-f", "good.yaml", "--plan", code=1)
    assert not (tmp_path / "new").exists()
    assert cli("apply", "-f", "good.yaml").endswith("1 change made\n")
    assert (tmp_path / "new").is_dir()


@ON_A_FOLDER
def test_a_disk_that_is_full_is_said_in_one_line(process: CommandProcess) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            [*COMMAND, "groups", "--json"],
            env=process.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            text=True,
            timeout=60,
        )
    assert done.returncode == 1
    assert done.stderr == "Error: No space left on device\n"


@ON_A_FOLDER
def test_a_terminal_without_unicode_gets_escapes(cli: CommandLine, name: str) -> None:
    create(cli, name)
    cli("put", name, "customer_id=Zürich", "event_time=2024-01-01T00:00:00Z")
    plain = CommandProcess(cli.location, cli.folder, PYTHONIOENCODING="ascii")
    assert plain("list-records", name) == "Z\\xfcrich\n"
    assert "Z\\xfcrich" in plain("describe", name)
    assert plain.json("list-records", name) == ["Zürich"]
