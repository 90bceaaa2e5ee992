"""The remote library: what it repeats, and what it must not repeat."""

import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tandem.errors import StoreUnavailable
from tandem.model.record import FeatureValue
from tandem.sdk.remote import RemoteBackend

seen: Counter[str] = Counter()


class Unavailable(BaseHTTPRequestHandler):
    def answer(self) -> None:
        seen[self.path.partition("?")[0]] += 1
        self.rfile.read(int(self.headers.get("content-length", 0)))
        body = b'{"message":"the disk is full"}'
        self.send_response(503)
        self.send_header("x-amzn-ErrorType", "ServiceUnavailable")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_POST = answer  # noqa: N815 - the names are the library's

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def remote() -> Iterator[RemoteBackend]:
    seen.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Unavailable) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        backend = RemoteBackend(f"http://127.0.0.1:{server.server_port}")
        yield backend
        backend.close()
        server.shutdown()
        thread.join()


def test_a_put_that_was_not_done_is_repeated(remote: RemoteBackend) -> None:
    with pytest.raises(StoreUnavailable, match="the disk is full"):
        remote.put("g", [FeatureValue("id", "1")], None, None)
    assert seen["/FeatureGroup/g"] == 6
