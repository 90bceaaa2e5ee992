"""Exchanges over sockets that say exactly what the test has them say."""

import gc
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from tandem.errors import ValidationError
from tandem.sdk.connections import AnswerCut, Connections, NotConnected, on_the_wire
from tandem.server.companion import SocketConnection

WHOLE = b"HTTP/1.1 200 OK\r\nX-Name: a\r\nContent-Length: 2\r\n\r\n{}"


class Server:
    """Answers each request with the next of the replies; the last one is repeated.

    connections   how many it has accepted
    requests      what it has read, heads and bodies
    """

    def __init__(self, *replies: bytes | list[bytes], hangs_up: bool = False) -> None:
        self.replies = list(replies)
        self.hangs_up = hangs_up
        self.connections = 0
        self.requests: list[bytes] = []

    def serve(self, accepted: socket.socket) -> None:
        self.connections += 1
        with suppress(OSError), accepted:
            while request := self.read(accepted):
                self.requests.append(request)
                reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
                for piece in [reply] if isinstance(reply, bytes) else reply:
                    accepted.sendall(piece)
                if self.hangs_up:
                    return

    def read(self, accepted: socket.socket) -> bytes:
        read = b""
        while b"\r\n\r\n" not in read:
            if not (piece := accepted.recv(65_536)):
                return b""
            read += piece
        head, _, body = read.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        while len(body) < length:
            body += accepted.recv(65_536)
        return head + b"\r\n\r\n" + body


@contextmanager
def serving(
    server: Server,
    address: str = "127.0.0.1",
    wrapped: Callable[[socket.socket], socket.socket] = lambda accepted: accepted,
) -> Iterator[str]:
    """The URL at which it answers, by http unless `wrapped` says otherwise."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as listener:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    accepted, _ = listener.accept()
                    threading.Thread(target=serve, args=(accepted,), daemon=True).start()

        def serve(accepted: socket.socket) -> None:
            with suppress(OSError):
                server.serve(wrapped(accepted))

        threading.Thread(target=accept, daemon=True).start()
        host = f"[{address}]" if ":" in address else address
        yield f"http://{host}:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


@contextmanager
def connected(server: Server) -> Iterator[Connections]:
    with serving(server) as url:
        connections = Connections.to(url)
        yield connections
        connections.close()


def got(connections: Connections, target: str = "/") -> bytes:
    return connections.exchange("GET", target, {}, None).content


def test_a_request_and_its_answer() -> None:
    server = Server(WHOLE)
    with connected(server) as connections:
        answer = connections.exchange("POST", "/a?b=c", {"X-Word": "w"}, b"body")
        assert (answer.status, answer.headers["x-name"], answer.content) == (200, "a", b"{}")
        got(connections, "/d")
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /a?b=c HTTP/1.1"
    assert body == b"body"
    assert {"X-Word: w", "content-length: 4"} < set(lines)
    assert sum(line.lower().startswith("host: 127.0.0.1:") for line in lines) == 1
    assert b"content-length" not in server.requests[1]


def test_a_request_without_a_body_says_so_where_it_could_have_one() -> None:
    server = Server(WHOLE)
    with connected(server) as connections:
        connections.exchange("POST", "/", {}, None)
        connections.exchange("DELETE", "/", {}, None)
    assert b"content-length: 0\r\n" in server.requests[0]
    assert b"content-length" not in server.requests[1]


def test_exchanges_share_a_connection_and_threads_do_not() -> None:
    server = Server(WHOLE)
    with connected(server) as connections:
        for _ in range(5):
            got(connections)
        assert server.connections == 1
        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(lambda _: got(connections), range(200)))
        assert answers == [b"{}"] * 200
        assert 1 <= server.connections <= 5


def test_a_connection_that_ended_meanwhile_is_left() -> None:
    server = Server(WHOLE, hangs_up=True)
    with connected(server) as connections:
        for _ in range(3):
            assert got(connections) == b"{}"
            # The end is on its way; nobody waits for it here but the test.
            for kept in connections._kept:
                while kept.is_connected:
                    pass
    assert server.connections == 3


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nconnection: x, close\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        WHOLE + WHOLE.replace(b"{}", b"[]"),
        WHOLE + b"HTTP/1.1 408 Request Time-out\r\n",
        WHOLE + b"and more",
    ],
)
def test_a_connection_is_not_kept_against_the_servers_will(reply: bytes) -> None:
    server = Server(reply)
    with connected(server) as connections:
        assert got(connections) == got(connections) == b"{}"
    assert server.connections == 2


@pytest.mark.parametrize(
    ("reply", "content"),
    [
        ([WHOLE[at : at + 1] for at in range(len(WHOLE))], b"{}"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + WHOLE, b"{}"),
        ([b"HTTP/1.1 100 Continue\r\n\r\n", WHOLE], b"{}"),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
            b"{}",
        ),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n" + b"x" * 1_000_000,
            b"x" * 1_000_000,
        ),
    ],
)
def test_answers_come_in_many_forms(reply: bytes | list[bytes], content: bytes) -> None:
    server = Server(reply)
    with connected(server) as connections:
        assert got(connections) == got(connections) == content
    assert server.connections == 1


def test_an_answer_may_end_with_its_connection() -> None:
    server = Server(b"HTTP/1.1 200 OK\r\n\r\nall of it", hangs_up=True)
    with connected(server) as connections:
        assert got(connections) == got(connections) == b"all of it"
    assert server.connections == 2


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (b"", "closed connection"),
        (b"HTTP/1.1 200 OK\r\ncontent-le", "closed connection"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{}", "closed connection"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n", "closed connection"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "closed connection"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nx-na", "closed connection"),
        (b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", "no HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "it is no HTTP"),
    ],
)
def test_what_is_no_whole_answer_is_said(reply: bytes, why: str) -> None:
    server = Server(reply, hangs_up=True)
    with connected(server) as connections:
        for _ in range(2):  # and what was left is not taken for the answer to the next request
            with pytest.raises(AnswerCut, match=why):
                got(connections)


def test_an_answer_that_does_not_come_is_not_waited_for_for_ever() -> None:
    with serving(Server(b"HTTP/1.1 200 OK\r\n")) as url:
        connections = Connections.to(url)
        connections._answer_seconds_max = 0.05
        with pytest.raises(AnswerCut, match="none came in time"):
            got(connections)
        connections.close()


def test_a_body_may_be_refused_before_it_is_read(tmp_path: Path) -> None:
    refusal = b"HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    path = tmp_path / "socket"

    def refuse() -> None:
        accepted, _ = listener.accept()
        with accepted:
            accepted.recv(10)
            accepted.sendall(refusal)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=refuse)
        thread.start()
        connections = Connections("beside", partial(SocketConnection, "beside", path))
        answer = connections.exchange("POST", "/", {}, bytes(10_000_000))
        thread.join()
    assert answer.status == 413


def test_a_header_cannot_carry_another() -> None:
    server = Server(WHOLE)
    with connected(server) as connections:
        for value in ("a\r\nx-more: b", "a\nb", "a\r"):
            with pytest.raises(ValidationError, match="line break"):
                connections.exchange("GET", "/", {"authorization": value}, None)
    assert not server.requests


def test_a_target_is_sent_as_a_request_may_have_it() -> None:
    assert on_the_wire("/FeatureGroup/a%2Fb?x=1&y=%20") == "/FeatureGroup/a%2Fb?x=1&y=%20"
    assert on_the_wire("/a b\r\nx: y") == "/a%20b%0D%0Ax:%20y"
    assert on_the_wire("/ä?ö=1#c") == "/%C3%A4?%C3%B6=1"


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(NotConnected, match=r"^Connection refused$"):
        got(Connections.to(url))
    with pytest.raises(NotConnected, match="no such host"):
        got(Connections.to("http://no-such-host.invalid"))


def test_closed_connections_stay_closed() -> None:
    server = Server(WHOLE)
    with connected(server) as connections:
        got(connections)
        connections.close()
        with pytest.raises(NotConnected, match="connect again"):
            got(connections)
    assert server.connections == 1


def test_connections_that_are_forgotten_are_closed() -> None:
    ended = threading.Event()

    class Watched(Server):
        def serve(self, accepted: socket.socket) -> None:
            super().serve(accepted)
            ended.set()

    with serving(Watched(WHOLE)) as url:
        connections = Connections.to(url)
        got(connections)
        assert not ended.is_set()
        del connections
        gc.collect()
        assert ended.wait(10)


FORKING = """
import os, sys
from tandem.sdk.connections import Connections

def got():
    return connections.exchange("GET", "/", {}, None).content

connections = Connections.to(sys.argv[1])
assert got() == b"{}"
child = os.fork()
if child == 0:
    os._exit(got() == b"{}")
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
assert got() == b"{}"
connections.close()
"""


def test_a_forked_child_has_connections_of_its_own() -> None:
    server = Server(WHOLE)
    with serving(server) as url:
        run = subprocess.run(
            [sys.executable, "-c", FORKING, url], capture_output=True, check=False, text=True
        )
    assert run.returncode == 0, run.stderr
    assert server.connections == 2


def test_a_stream_is_read_as_it_comes() -> None:
    rest = threading.Event()

    class Slow(Server):
        def serve(self, accepted: socket.socket) -> None:
            with accepted:
                self.read(accepted)
                accepted.sendall(b"HTTP/1.1 200 OK\r\nX-Name: a\r\ncontent-length: 4\r\n\r\nab")
                assert rest.wait(10)
                accepted.sendall(b"cd")

    with connected(Slow()) as connections, connections.stream("POST", "/", {}, b"") as answer:
        assert (answer.status, answer.headers["x-name"], answer.content) == (200, "a", b"")
        assert answer.unread is not None
        assert answer.unread.read(2) == b"ab"
        rest.set()
        assert answer.unread.read(2) == b"cd"


def test_an_address_of_ipv6() -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    server = Server(WHOLE)
    with serving(server, "::1") as url:
        connections = Connections.to(url)
        assert got(connections) == b"{}"
        connections.close()
    assert f"host: {url.removeprefix('http://')}\r\n".encode() in server.requests[0]


def test_tls_and_a_certificate_that_nobody_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl, which makes the certificate")
    made, key = tmp_path / "certificate", tmp_path / "key"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    command += f" -addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {made}"
    subprocess.run(command.split(), check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made, key)
    server = Server(WHOLE)

    def wrapped(accepted: socket.socket) -> socket.socket:
        return context.wrap_socket(accepted, server_side=True)

    with serving(server, wrapped=wrapped) as url:
        connections = Connections.to(url.replace("http:", "https:"))
        with pytest.raises(NotConnected, match="self-signed certificate"):
            got(connections)
        monkeypatch.setenv("SSL_CERT_FILE", str(made))
        assert got(connections) == got(connections) == b"{}"
        connections.close()
    assert server.connections == 1
