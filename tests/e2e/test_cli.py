"""The command line, as a user runs it."""

import json
import subprocess
import sys

import pytest

import tandem
from e2e.server_process import ServerProcess


@pytest.fixture(scope="module", autouse=True)
def _group(server: ServerProcess) -> None:
    with tandem.connect(server.url) as store:
        group = store.create_feature_group(
            "cli-test",
            features={"id": "String", "time": "String", "orders": "Integral"},
            record_identifier="id",
            event_time="time",
        )
        group.put({"id": "C1", "time": "2024-01-01T00:00:00Z", "orders": 1})


def run(server: ServerProcess, *arguments: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "tandem", *arguments, "--store", server.url]
    done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=30)
    assert done.returncode == code, done.stdout + done.stderr
    if code:
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
        return done.stderr
    return done.stdout


def test_groups_and_describe(server: ServerProcess) -> None:
    assert "cli-test" in run(server, "groups")
    listed = json.loads(run(server, "groups", "--json"))
    assert "cli-test" in [group["name"] for group in listed]
    assert "orders" in run(server, "describe", "cli-test")
    described = json.loads(run(server, "describe", "cli-test", "--json"))
    assert described["features"][2] == {"name": "orders", "type": "Integral"}
    assert described["history"].startswith("s3://tandem/")


def test_put_get_and_query(server: ServerProcess) -> None:
    run(server, "put", "cli-test", "id=C2", "time=2024-01-02T00:00:00Z", "orders=2")
    assert json.loads(run(server, "get", "cli-test", "C2", "--json"))["orders"] == 2
    assert "2024-01-02T00:00:00Z" in run(server, "get", "cli-test", "C2")
    rows = json.loads(
        run(server, "query", 'SELECT id, orders FROM "cli-test" ORDER BY id', "--json")
    )
    assert rows[:2] == [{"id": "C1", "orders": 1}, {"id": "C2", "orders": 2}]
    assert "C2" in run(server, "query", 'SELECT * FROM "cli-test"')


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["describe", "no-such"], "no-such"),
        (["get", "cli-test", "nobody"], "nobody"),
        (["put", "cli-test", "id=x"], "'time'"),
        (["put", "cli-test", "id"], "FEATURE=VALUE"),
        (["query", "SELEC"], "SELEC"),
        (["query", "SELECT * FROM nowhere"], "nowhere"),
    ],
)
def test_errors_are_one_line(server: ServerProcess, arguments: list[str], said: str) -> None:
    assert said in run(server, *arguments, code=1)


def test_a_store_that_is_not_there_is_named() -> None:
    for location, said in (
        ("./no-such-folder", "no-such-folder"),
        ("http://127.0.0.1:9", "running"),
    ):
        command = [sys.executable, "-m", "tandem", "groups", "--store", location]
        done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=30)
        assert done.returncode == 1
        assert said in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


def test_json_is_json(server: ServerProcess) -> None:
    text = run(server, "query", "SELECT 'inf'::DOUBLE AS x, DATE '2024-01-01' AS d", "--json")
    assert json.loads(text, parse_constant=pytest.fail) == [{"x": None, "d": "2024-01-01"}]
