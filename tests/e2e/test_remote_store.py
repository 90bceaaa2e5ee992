"""A server over a remote store: connections are answered in order, and none waits for another."""

import contextlib
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPResponse
from pathlib import Path

import pytest

import tandem
from e2e.remote_store import ASKED, HELD
from e2e.server_process import ServerProcess

GROUP = "customers"
KEYS = 50


class Remote:
    """A server whose store can be held."""

    def __init__(self, server: ServerProcess, held: Path, asked: Path) -> None:
        self.server = server
        self._held = held
        self._asked = asked

    @contextlib.contextmanager
    def holding(self) -> Iterator[None]:
        self._held.touch()
        try:
            yield
        finally:
            self._held.unlink()

    def calls(self) -> list[int]:
        return [int(line) for line in self._asked.read_text().split()]

    def wait_for_calls(self, count: int) -> None:
        deadline = time.monotonic() + 60
        while len(self.calls()) < count:
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def connection(self) -> "Connection":
        return Connection(self.server.port)


class Connection:
    """Sends requests, and reads answers one after the other."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)

    def send(self, *requests: bytes) -> None:
        self.socket.sendall(b"".join(requests))

    def answer(self) -> tuple[int, bytes]:
        # Unbuffered, so that what is behind this answer is left to the next one.
        response = HTTPResponse(self.socket)
        response.fp = self.socket.makefile("rb", buffering=0)  # type: ignore[assignment]
        response.begin()
        return response.status, response.read()

    def key(self) -> str:
        status, body = self.answer()
        assert status == 200, body
        key: str = json.loads(body)["Record"][0]["ValueAsString"]
        return key

    def close(self) -> None:
        self.socket.close()


def request(method: str, path: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "host: localhost", *headers]
    if body:
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def get(key: str, *headers: str) -> bytes:
    path = f"/FeatureGroup/{GROUP}?RecordIdentifierValueAsString={key}&FeatureName=id"
    return request("GET", path, b"", *headers)


def batch(*keys: str) -> bytes:
    entry = {"FeatureGroupName": GROUP, "RecordIdentifiersValueAsString": keys}
    return request("POST", "/BatchGetRecord", json.dumps({"Identifiers": [entry]}).encode())


def update(key: str) -> bytes:
    body = {"Features": [{"FeatureName": "note", "ValueAsString": "new"}]}
    body["RecordIdentifierValueAsString"] = key  # type: ignore[assignment]
    return request("POST", f"/FeatureGroup/{GROUP}/Record", json.dumps(body).encode())


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    folder = tmp_path_factory.mktemp("remote")
    held, asked = folder / "held", folder / "asked"
    asked.touch()
    given = {
        "TANDEM_BACKGROUND_PROCESS": "off",
        "TANDEM_ONLINE_STORE": "e2e.remote_store:RemoteLmdb",
        "PYTHONPATH": os.pathsep.join(sys.path),
        HELD: str(held),
        ASKED: str(asked),
    }
    with ServerProcess(folder / "data", environment=given) as server:
        with tandem.connect(server.url) as store:
            group = store.create_feature_group(
                GROUP,
                features={"id": "String", "time": "Fractional", "note": "String"},
                record_identifier="id",
                event_time="time",
                storage_type="Standard_V2",
            )
            group.ingest([{"id": f"C{n}", "time": 1.7e9, "note": "old"} for n in range(KEYS)])
        yield Remote(server, held, asked)


@pytest.fixture
def connect(remote: Remote) -> Iterator[Callable[[], Connection]]:
    with contextlib.ExitStack() as closing:

        def opened() -> Connection:
            made = remote.connection()
            closing.callback(made.close)
            return made

        yield opened


def test_a_head_that_comes_again_is_answered_in_its_order(
    remote: Remote, connect: Callable[[], Connection]
) -> None:
    one = connect()
    for number in range(3):  # one request after the other: all but the first need no parser
        one.send(get(f"C{number}"))
        assert one.key() == f"C{number}"
    before = len(remote.calls())
    with remote.holding():
        one.send(get("C3"))
        remote.wait_for_calls(before + 1)
        for number in range(4, 8):  # these come while that one waits
            one.send(get(f"C{number}"))
        one.send(batch("C1", "C2"), get("C8"))
        time.sleep(0.05)
    for number in range(3, 8):
        assert one.key() == f"C{number}"
    status, body = one.answer()
    assert (status, len(json.loads(body)["Records"])) == (200, 2)
    assert one.key() == "C8"
    one.send(get("C9"))
    assert one.key() == "C9"


def test_others_are_answered_while_reads_wait(
    remote: Remote, connect: Callable[[], Connection]
) -> None:
    first, other = connect(), connect()
    waiting = [connect() for _ in range(20)]
    before = len(remote.calls())
    with remote.holding():
        first.send(get("C1"))
        remote.wait_for_calls(before + 1)
        for number, one in enumerate(waiting):
            one.send((get, batch, update)[number % 3](f"C{number}"))
        other.send(request("GET", "/health"))
        assert other.answer()[0] == 200
        remote.server.client("sagemaker").describe_feature_group(FeatureGroupName=GROUP)
        assert remote.calls()[before:] == [1]
    assert first.key() == "C1"
    for number, one in enumerate(waiting):
        status, body = one.answer()
        assert (status, number % 3 == 2 or f"C{number}".encode() in body) == (200, True)
    assert remote.calls()[before:] == [1, 20]


def test_a_client_that_goes_away_hurts_nobody(
    remote: Remote, connect: Callable[[], Connection]
) -> None:
    stays, leaves, leaves_later = connect(), connect(), connect()
    before = len(remote.calls())
    with remote.holding():
        leaves.send(get("C1"))
        remote.wait_for_calls(before + 1)
        stays.send(get("C2"))
        leaves_later.send(get("C3", "Expect: 100-continue"))  # which goes by ASGI
        time.sleep(0.05)
        leaves.close()
        leaves_later.close()
        time.sleep(0.05)
    assert stays.key() == "C2"


def test_vectors_are_those_of_the_records(remote: Remote) -> None:
    with tandem.connect(remote.server.url) as store:
        group = store.feature_group(GROUP)
        assert group.get("C40") == {"id": "C40", "time": 1.7e9, "note": "old"}
        found = store.feature_vector([f"{GROUP}:note"], ["C40", "no"])
        assert found.to_arrow()["note"].to_pylist() == ["old", None]
