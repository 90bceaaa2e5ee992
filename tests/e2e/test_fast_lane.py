"""Records over raw sockets: what clients may do to a connection, in the lane and beside it."""

import contextlib
import json
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import tandem
from e2e.server_process import ServerProcess
from e2e.slow_commits import BEGUN
from tandem.server.fast_lane import HEAD_BYTES_MAX

GROUP = "customers"
NOTE_BYTES = 20_000
KEYS = 100


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    data = tmp_path_factory.mktemp("lane") / "data"
    with ServerProcess(data, environment={"TANDEM_BACKGROUND_PROCESS": "off"}) as running:
        with tandem.connect(running.url) as store:
            group = store.create_feature_group(
                GROUP,
                features={"id": "String", "time": "Fractional", "note": "String"},
                record_identifier="id",
                event_time="time",
            )
            rows = [
                {"id": f"C{number}", "time": 1.7e9, "note": "n" * NOTE_BYTES}
                for number in range(KEYS)
            ]
            group.ingest(rows)
        yield running


class Connection:
    """A client that sends bytes and reads answers one after the other."""

    def __init__(self, server: ServerProcess) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=30)
        self._file = self.socket.makefile("rb")

    def send(self, *requests: bytes) -> None:
        self.socket.sendall(b"".join(requests))

    def answer(self, *, is_head: bool = False) -> tuple[int, dict[str, str], bytes]:
        while (status := int(self._file.readline().split()[1])) == 100:
            self._file.readline()
        headers: dict[str, str] = {}
        while line := self._file.readline().strip():
            name, _, value = line.decode().partition(": ")
            headers[name.lower()] = value
        length = 0 if is_head else int(headers["content-length"])
        return status, headers, self._file.read(length)

    def is_closed(self) -> bool:
        return self._file.read(1) == b""

    def close(self) -> None:
        self._file.close()
        self.socket.close()


@pytest.fixture
def connection(server: ServerProcess) -> Iterator[Connection]:
    opened = Connection(server)
    yield opened
    opened.close()


def request(method: str, path: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "host: localhost", *headers]
    if body:
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def get(key: str, *headers: str) -> bytes:
    path = f"/FeatureGroup/{GROUP}?RecordIdentifierValueAsString={key}&FeatureName=id"
    return request("GET", path, b"", *headers)


def put(key: str, event_time: str = "1800000000", *headers: str) -> bytes:
    values = {"id": key, "time": event_time, "note": "new"}
    record = [{"FeatureName": name, "ValueAsString": text} for name, text in values.items()]
    return request(
        "PUT", f"/FeatureGroup/{GROUP}", json.dumps({"Record": record}).encode(), *headers
    )


def batch(count: int, *headers: str) -> bytes:
    keys = [f"C{number}" for number in range(count)]
    entry = {"FeatureGroupName": GROUP, "RecordIdentifiersValueAsString": keys}
    body = json.dumps({"Identifiers": [entry]}).encode()
    return request("POST", "/BatchGetRecord", body, *headers)


def key_of(body: bytes) -> str:
    key: str = json.loads(body)["Record"][0]["ValueAsString"]
    return key


BESIDE = "Expect: 100-continue"
"""A request that says so goes by ASGI; nobody asks for the 100, since the body comes at once."""


@pytest.mark.parametrize(
    "make",
    [
        lambda *more: get("C1", *more),
        lambda *more: get("nobody", *more),
        lambda *more: put("P1", "1800000000", *more),
        lambda *more: put("P1", "no time", *more),
        lambda *more: batch(3, *more),
        lambda *more: batch(101, *more),
        lambda *more: request("PATCH", f"/FeatureGroup/{GROUP}", b"", *more),
        lambda *more: request(
            "GET", "/FeatureGroup/none?RecordIdentifierValueAsString=1", b"", *more
        ),
        lambda *more: request("GET", f"/FeatureGroup/{GROUP}/x/y", b"", *more),
        lambda *more: request("PUT", f"/FeatureGroup/{GROUP}", b"{", *more),
        lambda *more: get("C1", "Origin: http://evil.example", *more),
        lambda *more: get("C1", "Connection: close", *more),
    ],
)
def test_the_lane_answers_as_the_way_beside_it(
    server: ServerProcess, make: Callable[..., bytes]
) -> None:
    answers = []
    for more in ([], [BESIDE]):
        opened = Connection(server)
        opened.send(make(*more))
        status, headers, body = opened.answer()
        body = re.sub(rb"[0-9a-f]{8}-[0-9a-f-]{27}", b"ID", body)
        for changing in ("date", "x-amzn-requestid"):
            assert headers.pop(changing)
        answers.append((status, headers, body))
        opened.close()
    assert answers[0] == answers[1]


def test_a_pipeline_is_answered_in_its_order(connection: Connection) -> None:
    health = request("GET", "/health")
    connection.send(get("C1"), put("P2"), get("P2"), health, get("C2"), batch(2), get("C3"))
    assert key_of(connection.answer()[2]) == "C1"
    assert connection.answer()[::2] == (200, b"")
    assert key_of(connection.answer()[2]) == "P2"
    assert json.loads(connection.answer()[2])["status"] == "ok"
    assert key_of(connection.answer()[2]) == "C2"
    assert len(json.loads(connection.answer()[2])["Records"]) == 2
    assert key_of(connection.answer()[2]) == "C3"


def test_an_answer_to_head_has_no_body(connection: Connection) -> None:
    connection.send(request("HEAD", f"/FeatureGroup/{GROUP}"), get("C1"))
    status, headers, _ = connection.answer(is_head=True)
    assert (status, int(headers["content-length"]) > 0) == (405, True)
    assert key_of(connection.answer()[2]) == "C1"


def test_a_long_pipeline_behind_one_that_waits(connection: Connection) -> None:
    count = 3_000
    sending = threading.Thread(
        target=connection.send, args=(put("P3"), *(get(f"C{n % KEYS}") for n in range(count)))
    )
    sending.start()
    assert connection.answer()[0] == 200
    for number in range(count):
        assert key_of(connection.answer()[2]) == f"C{number % KEYS}"
    sending.join()


def test_bytes_may_come_one_by_one(connection: Connection) -> None:
    for byte in put("P4") + get("P4"):
        connection.send(bytes([byte]))
    assert connection.answer()[0] == 200
    assert key_of(connection.answer()[2]) == "P4"


def test_a_body_in_chunks(connection: Connection) -> None:
    whole = put("P5")
    body = whole.partition(b"\r\n\r\n")[2]
    head = request("PUT", f"/FeatureGroup/{GROUP}", b"", "transfer-encoding: chunked")
    connection.send(head)
    for start in range(0, len(body), 7):
        piece = body[start : start + 7]
        connection.send(f"{len(piece):x}\r\n".encode(), piece, b"\r\n")
    connection.send(b"0\r\n\r\n", get("P5"))
    assert connection.answer()[0] == 200
    assert key_of(connection.answer()[2]) == "P5"


def test_a_body_over_the_limit_is_refused_and_the_connection_lives(
    connection: Connection,
) -> None:
    head = request("PUT", f"/FeatureGroup/{GROUP}", b"", "transfer-encoding: chunked")
    piece = b"x" * (1 << 20)
    chunk = f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
    connection.send(head, *[chunk] * 18, b"0\r\n\r\n", get("C1"))
    status, _, body = connection.answer()
    assert status == 413
    assert b"larger than" in body
    assert key_of(connection.answer()[2]) == "C1"


def test_the_whole_url_may_stand_in_the_request(connection: Connection) -> None:
    connection.send(get("C1").replace(b"GET /", b"GET http://localhost/"))
    assert key_of(connection.answer()[2]) == "C1"


@pytest.mark.parametrize(
    "how", [lambda: get("C1", "Connection: close"), lambda: get("C1").replace(b"/1.1", b"/1.0")]
)
def test_a_connection_that_shall_close_does(
    connection: Connection, how: Callable[[], bytes]
) -> None:
    connection.send(how(), put("P6"))
    status, headers, _ = connection.answer()
    assert status == 200
    assert headers["connection"] == "close"
    assert connection.is_closed()


def test_what_is_no_http_is_refused(connection: Connection) -> None:
    connection.send(b"PUT /FeatureGroup/x HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n")
    assert connection.answer()[0] == 400
    assert connection.is_closed()


@pytest.mark.parametrize("more", [[], [BESIDE]])
def test_a_request_in_hand_is_answered_before_what_is_no_http(
    connection: Connection, more: list[str]
) -> None:
    connection.send(put("P9", "1800000000", *more), b"no http at all\r\n\r\n")
    status, headers, _ = connection.answer()
    assert (status, headers["connection"]) == (200, "close")
    assert connection.is_closed()


H2C = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIA")


@pytest.mark.parametrize("more", [[], [BESIDE]])
def test_who_asks_for_another_protocol_is_answered_in_this_one(
    connection: Connection, more: list[str]
) -> None:
    connection.send(put("P10", "1800000000", *H2C, *more), get("P10", *H2C, *more), get("C2"))
    assert connection.answer()[0] == 200
    assert key_of(connection.answer()[2]) == "P10"
    assert key_of(connection.answer()[2]) == "C2"
    whole = get("C3", *H2C)
    for place in range(len(whole)):
        connection.send(whole[place : place + 1])
    assert key_of(connection.answer()[2]) == "C3"
    connection.send(request("GET", "/health", b"", "Connection: close,upgrade", "Upgrade: x"))
    assert connection.answer()[0] == 200
    assert connection.is_closed()


def test_a_long_pipeline_that_asks_for_another_protocol(connection: Connection) -> None:
    many = [get(f"C{number % KEYS}", *H2C) for number in range(2_000)]
    sender = threading.Thread(target=connection.send, args=many)
    sender.start()
    assert [key_of(connection.answer()[2]) for _ in many] == [f"C{n % KEYS}" for n in range(2_000)]
    sender.join()


def test_nothing_is_connected_through(connection: Connection) -> None:
    connection.send(b"CONNECT example.com:443 HTTP/1.1\r\nhost: example.com:443\r\n\r\n")
    assert connection.answer()[0] >= 400


@pytest.mark.parametrize(
    "begun",
    [
        b"GET /FeatureGroup/x?",
        b"GET /health HTTP/1.1\r\nhost: ",
        b"PUT /FeatureGroup/x HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nx: ",
        b"PUT /FeatureGroup/x HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1;x=",
    ],
)
@pytest.mark.parametrize("endless", [b"x" * 60_000, b"x\r\ny: " * 10_000])
def test_a_head_without_an_end_is_not_held(
    connection: Connection, begun: bytes, endless: bytes
) -> None:
    connection.send(begun)
    with pytest.raises(OSError):  # noqa: PT011 - which one, the moment decides
        connection.send(*[endless] * 1_000)


def test_a_head_that_is_too_large_is_named(connection: Connection) -> None:
    begun = b"GET /FeatureGroup/x?"
    connection.send(begun, b"x" * (HEAD_BYTES_MAX + 1 - len(begun)))
    status, _, body = connection.answer()
    assert status == 400
    assert b"larger than 262144 bytes" in body
    assert connection.is_closed()


def test_many_features_may_be_named(connection: Connection) -> None:
    many = "".join(f"&FeatureName={number:064}" for number in range(2_500))
    path = f"/FeatureGroup/{GROUP}?RecordIdentifierValueAsString=C1{many}"
    connection.send(request("GET", path), get("C1"))
    status, _, body = connection.answer()
    assert status == 400
    assert b"is not defined in feature group" in body
    assert key_of(connection.answer()[2]) == "C1"


@pytest.mark.parametrize("more", [[], [BESIDE]])
def test_what_comes_as_headers_behind_a_body_is_dropped(
    connection: Connection, more: list[str]
) -> None:
    head = request("PUT", f"/FeatureGroup/{GROUP}", b"", "transfer-encoding: chunked", *more)
    body = put("P8").rpartition(b"\r\n\r\n")[2]
    trailers = b"origin: http://evil.example\r\nhost: evil.example\r\n"
    connection.send(head, b"%x\r\n%b\r\n0\r\n" % (len(body), body), trailers, b"\r\n")
    assert connection.answer()[0] == 200


def test_a_fragment_is_no_part_of_a_path(connection: Connection) -> None:
    connection.send(get("C1#?"), request("GET", f"/FeatureGroup/{GROUP}#x?y"))
    assert connection.answer()[0] == 200
    message = json.loads(connection.answer()[2])["message"]
    assert "RecordIdentifierValueAsString" in message
    assert "#" not in message


def test_a_bucket_of_that_name_is_s3s(server: ServerProcess, connection: Connection) -> None:
    server.client("s3").create_bucket(Bucket="lane-bucket")
    server.client("s3").put_object(Bucket="lane-bucket", Key="FeatureGroup/x", Body=b"an object")
    connection.send(
        b"GET /FeatureGroup/x HTTP/1.1\r\nhost: lane-bucket.s3.localhost\r\n\r\n", get("C1")
    )
    assert connection.answer()[2] == b"an object"
    assert key_of(connection.answer()[2]) == "C1"


def test_who_leaves_in_the_middle_hurts_nobody(server: ServerProcess) -> None:
    whole = put("P7")
    for cut in (5, 60, len(whole) - 1):
        opened = Connection(server)
        opened.send(whole[:cut])
        opened.close()
    opened = Connection(server)
    opened.send(get("P7"))
    assert json.loads(opened.answer()[2]) == {}
    # Whoever has sent it all and does not wait for the answer has written.
    leaving = Connection(server)
    leaving.send(put("P7"))
    leaving.close()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        opened.send(get("P7"))
        if json.loads(opened.answer()[2]):
            break
    else:
        raise AssertionError("the record is not there")
    opened.close()


def resident_kb(server: ServerProcess) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    assert found is not None
    return int(found[1])


def test_who_ends_its_side_gets_what_waits_for_its_turn(server: ServerProcess) -> None:
    clients = [Connection(server) for _ in range(100)]
    os.kill(server.process.pid, signal.SIGSTOP)  # so that they come together
    for client in clients:
        client.send(batch(20))
        client.socket.shutdown(socket.SHUT_WR)
    os.kill(server.process.pid, signal.SIGCONT)
    for client in clients:
        status, _, body = client.answer()
        assert (status, len(json.loads(body)["Records"])) == (200, 20)
        assert client.is_closed()
        client.close()


def test_who_ends_its_side_gets_all_that_it_asked_for(connection: Connection) -> None:
    connection.send(*[batch(KEYS)] * 20)
    connection.socket.shutdown(socket.SHUT_WR)
    time.sleep(0.2)  # the server meets a client that takes nothing
    for _ in range(20):
        assert len(connection.answer()[2]) > KEYS * NOTE_BYTES
    assert connection.is_closed()


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_a_client_that_takes_no_answers_is_not_read_from(server: ServerProcess) -> None:
    """Each answer is 2 MB. Would all be made at once, the server would hold 400 MB."""
    before_kb = resident_kb(server)
    opened = Connection(server)
    opened.socket.setblocking(False)
    questions = batch(KEYS) * 200
    sent = 0
    idle_since = time.monotonic()
    while sent < len(questions) and time.monotonic() - idle_since < 1.0:
        try:
            sent += opened.socket.send(questions[sent:])
            idle_since = time.monotonic()
        except BlockingIOError:
            time.sleep(0.01)
    assert resident_kb(server) - before_kb < 100_000
    opened.socket.setblocking(True)
    opened.socket.settimeout(30)
    rest = threading.Thread(target=opened.send, args=(questions[sent:],))
    rest.start()
    for _ in range(200):
        status, _, body = opened.answer()
        assert status == 200
        assert len(body) > KEYS * NOTE_BYTES
    rest.join()
    opened.close()


def test_a_large_answer_comes_whole_before_a_connection_closes(connection: Connection) -> None:
    connection.send(batch(KEYS, "Connection: close"))
    status, headers, body = connection.answer()
    assert (status, headers["connection"]) == (200, "close")
    assert len(body) > KEYS * NOTE_BYTES
    assert connection.is_closed()


def test_answers_that_are_not_taken_keep_their_order(connection: Connection) -> None:
    """A long query comes by the other way behind a held answer; what follows must not pass it."""
    product = ", ".join(f"{GROUP} {name}" for name in "abcd")
    slow = f"SELECT count(*) AS n FROM {product} WHERE a.time * b.time > c.time - d.time"
    statement = {"Statement": slow}
    query = request("POST", "/tandem/query", json.dumps(statement).encode())
    connection.send(*[batch(KEYS)] * 5, query, get("C1"))
    time.sleep(0.05)  # the server meets a client that takes nothing
    for _ in range(5):
        assert len(connection.answer()[2]) > KEYS * NOTE_BYTES
    status, headers, _ = connection.answer()
    assert (status, headers["content-type"]) == (200, "application/vnd.apache.arrow.stream")
    assert key_of(connection.answer()[2]) == "C1"


def test_a_write_in_hand_is_answered_when_the_server_stops(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    given = {
        "TANDEM_BACKGROUND_PROCESS": "off",
        "TANDEM_ONLINE_STORE": "e2e.slow_commits:SlowCommits",
        "PYTHONPATH": os.pathsep.join(sys.path),
        BEGUN: str(begun),
    }
    with ServerProcess(tmp_path / "data", environment=given) as server:
        with tandem.connect(server.url) as store:
            store.create_feature_group(
                GROUP,
                features={"id": "String", "time": "Fractional", "note": "String"},
                record_identifier="id",
                event_time="time",
            )
        with contextlib.ExitStack() as closing:
            opened = [Connection(server) for _ in range(20)]
            idle = Connection(server)
            for one in (*opened, idle):
                closing.callback(one.close)
            idle.send(get("C1"))
            idle.answer()
            begun.unlink(missing_ok=True)
            for number, one in enumerate(opened):
                one.send(put(f"S{number}"))
            while not begun.exists():
                time.sleep(0.005)
            server.process.send_signal(signal.SIGTERM)
            answered = sum(was_written(one) for one in opened)
            assert answered > 0, "the first of them was being committed"
            assert idle.is_closed()
        assert server.process.wait(timeout=30) == 0
    with tandem.connect(tmp_path / "data") as store:
        found = store.feature_group(GROUP).get_many([f"S{n}" for n in range(20)])
        assert sum(one is not None for one in found) >= answered


def was_written(connection: Connection) -> bool:
    """Whether a put was answered; what had not been read when the server was stopped is not."""
    try:
        return connection.answer()[0] == 200
    except (IndexError, ConnectionError):
        return False
