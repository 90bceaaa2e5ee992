"""The remote library against what is no Tandem server, or does not answer."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tandem.errors import ResourceNotFound, StoreUnavailable, TandemError, ValidationError
from tandem.sdk.http import Http

OURS = {"x-amzn-RequestId": "1"}


@contextmanager
def server(status: int, body: bytes, headers: dict[str, str] | None = None) -> Iterator[str]:
    """The URL of a server that always answers this."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815 - the names are the library's

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_port}"
        finally:
            running.shutdown()
            thread.join()


def refusal(url: str, operation: str = "ListFeatureGroups") -> TandemError:
    http = Http(url)
    with pytest.raises(TandemError) as raised:
        http.control(operation, {})
    http.close()
    assert "\n" not in str(raised.value)
    return raised.value


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (200, b"<html>welcome</html>", {}),
        (200, b"{}", {}),
        (200, b"<html>welcome</html>", OURS),
        (200, b"[1]", OURS),
        (404, b"<html>nothing here</html>", {}),
        (404, b"[]", {}),
        (501, b"", {}),
    ],
)
def test_what_is_no_tandem_server_is_said(
    status: int, body: bytes, headers: dict[str, str]
) -> None:
    with server(status, body, headers) as url:
        error = refusal(url)
    assert isinstance(error, StoreUnavailable)
    assert f"{url} does not answer as a Tandem server does" in str(error)


def test_a_table_that_is_none_is_said() -> None:
    with server(200, b"no table", OURS) as url:
        http = Http(url)
        with pytest.raises(StoreUnavailable, match="does not answer as a Tandem server does"):
            http.ask_table("/tandem/query", {"Statement": "SELECT 1"})
        http.close()


def test_an_error_keeps_its_kind_and_its_words() -> None:
    with server(400, b'{"__type": "ResourceNotFound", "Message": "no g"}', OURS) as url:
        error = refusal(url)
    assert type(error) is ResourceNotFound
    assert str(error) == "no g"
    with server(500, b'{"__type": "x#Strange", "message": "odd"}', OURS) as url:
        error = refusal(url)
    assert (type(error), str(error)) == (TandemError, "odd")
    with server(500, b"", {"x-amzn-ErrorType": "InternalFailure:http://x"}) as url:
        assert "InternalFailure" in str(refusal(url))


def test_a_server_that_is_not_there_is_said_shortly() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = refusal(f"http://127.0.0.1:{port}/")
    assert str(error) == (
        f"there is no answer from http://127.0.0.1:{port} (Connection refused): is the server"
        " running? 'tandem serve' starts one"
    )
    assert error.retryable


def test_an_answer_that_is_cut_off_is_said() -> None:
    def hang_up() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=hang_up)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        error = refusal(url, "CreateFeatureGroup")
        thread.join()
    assert isinstance(error, StoreUnavailable)
    assert "was lost (Remote end closed connection" in str(error)
    assert "the call may have been carried out" in str(error)


@pytest.mark.parametrize(
    "url", ["http://", "http://[", "http://host:port", "http://host:99999", "http://a b"]
)
def test_what_is_no_url_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValidationError, match="is not a URL"):
        Http(url)


def test_a_server_may_live_below_a_path() -> None:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("x-amzn-RequestId", "1")
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        for path in ("", "/", "/features", "/features/"):
            http = Http(f"http://127.0.0.1:{running.server_port}{path}")
            assert http.json("GET", "/tandem/server?x=%2F") == {}
            http.close()
        running.shutdown()
        thread.join()
    assert asked == ["/tandem/server?x=%2F"] * 2 + ["/features/tandem/server?x=%2F"] * 2
