"""HTTP connections to one server: a request is one call to send, and httptools reads its answer.

urllib3 makes the connections, with TLS and the errors of that. A short exchange by its pool, and by
Python's own client beneath it, takes some 0.3 ms of the processor, and 0.06 ms here.

* A connection serves one exchange at a time, and is kept for the next, unless the server wants it
  closed. One that the server has closed meanwhile is left; and so are all in the child of a fork,
  which would else take the answers of its parent.
* What fails before the request is sent raises NotConnected: nothing was done. What fails behind
  that raises AnswerCut: it may have been done.
"""

import os
import re
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.client import HTTPException
from typing import NamedTuple

import httptools
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from tandem.errors import ValidationError

_CONNECTIONS_MAX = 16
"""As many are kept."""
_CONNECT_SECONDS_MAX = 10.0
_ANSWER_SECONDS_MAX = 600.0
"""A statement of SQL may take its time."""
_RECEIVED_BYTES_MAX = 1 << 16
_COPIED_BODY_BYTES_MAX = 1 << 16
"""So much is sent with the head; what is longer, behind it."""
_FINAL = 200
_NEVER_A_BODY = frozenset({"GET", "HEAD", "DELETE"})
"""Other requests say that they have none, which some proxies insist on."""
_ERROR_STATUS = 400
_is_plain = re.compile(r"[!-\"$-~]+").fullmatch
"""A path and query that stand on the wire as they are. Behind a "#" comes what no server sees."""
_ENDS_SAID = ("content-length", "transfer-encoding")
_ALWAYS = {"accept-encoding": "identity", "user-agent": "tandem"}
_NO_HTTP = (httptools.HttpParserError, httptools.HttpParserUpgrade)
_FAILURES = (OSError, HTTPException, urllib3.exceptions.HTTPError, *_NO_HTTP)

NewConnection = Callable[[], HTTPConnection]


class NotConnected(Exception):
    """There is no connection, and its text says why."""


class AnswerCut(Exception):
    """The request was sent, but no whole answer came, and its text says why."""


class Answer(NamedTuple):
    """An answer. Names of headers are in lower case.

    content   what it holds, where it was read whole
    unread    what is to be read of it, where not
    """

    status: int
    headers: Mapping[str, str]
    content: bytes
    unread: urllib3.BaseHTTPResponse | None = None


class Connections:
    """Connections to one server. Safe to use from many threads.

    host                    as the server is to be told it, with the port where the URL has one
    new                     makes a connection, not yet connected
    answer_seconds_max      how long to wait for a piece of an answer; None: for ever
    """

    def __init__(
        self, host: str, new: NewConnection, answer_seconds_max: float | None = None
    ) -> None:
        self._new = new
        self._host = host
        self._answer_seconds_max = answer_seconds_max
        self._kept: deque[HTTPConnection] = deque()
        self._is_closed = False
        # Of a store that is forgotten and not closed, too.
        weakref.finalize(self, _close_all, self._kept)
        _open.add(self)

    @classmethod
    def to(cls, url: str) -> "Connections":
        """Connections to the host of a URL. Raises ValidationError where it is none."""
        try:
            parsed = urllib3.util.parse_url(url)
        except urllib3.exceptions.LocationParseError:
            parsed = urllib3.util.Url()
        if parsed.host is None or parsed.netloc is None:
            raise ValidationError(f"{url!r} is not a URL: write http://HOST:PORT")
        kind = HTTPSConnection if parsed.scheme == "https" else HTTPConnection
        host = parsed.host.strip("[]")  # of an IPv6 address
        new = partial(kind, host, parsed.port, timeout=_CONNECT_SECONDS_MAX)
        return cls(parsed.netloc, new, _ANSWER_SECONDS_MAX)

    def exchange(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        """The answer to a request. `target` is the path with its query, as `on_the_wire` gives it.

        Raises NotConnected, AnswerCut, and ValidationError where a header cannot be sent.
        """
        head = self._head(method, target, headers, body)
        connection = self._connection()
        is_kept = False
        try:
            _send(connection, head, body)
            answer, is_kept = _received(connection)
        except _FAILURES as error:
            raise _cut(error) from error
        finally:
            if not is_kept:
                connection.close()
        if is_kept:
            self._keep(connection)
        return answer

    @contextmanager
    def stream(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> Iterator[Answer]:
        """The answer to a request, over a connection of its own: to be read piece by piece, unless
        it is an error.

        Raises NotConnected and AnswerCut; reading it raises urllib3's errors.
        """
        named = {"host": self._host, **headers}
        connection = self._connected()
        try:
            try:
                connection.request(method, target, body, named, preload_content=False)
                response = connection.getresponse()
                content = response.data if response.status >= _ERROR_STATUS else b""
            except _FAILURES as error:
                raise _cut(error) from error
            names = {name.lower(): value for name, value in response.headers.items()}
            yield Answer(response.status, names, content, response)
        finally:
            connection.close()

    def close(self) -> None:
        self._is_closed = True
        _close_all(self._kept)

    def leave_to_parent(self) -> None:
        """For a child after a fork. To close its own descriptors ends nothing for the parent."""
        _close_all(self._kept)

    def _head(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None
    ) -> bytes:
        named = {"host": self._host, **_ALWAYS, **headers}
        if body is not None or method not in _NEVER_A_BODY:
            named["content-length"] = str(len(body or b""))
        lines = "".join([f"{name}: {value}\r\n" for name, value in named.items()])
        if lines.count("\n") + lines.count("\r") != 2 * len(named):
            raise ValidationError(
                "a header of the request has a line break in it: look at the access key and the"
                " session token"
            )
        return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")

    def _connection(self) -> HTTPConnection:
        try:
            while True:
                connection = self._kept.pop()
                if connection.is_connected:  # nothing came, not even the end
                    return connection
                connection.close()
        except IndexError:
            return self._connected()

    def _keep(self, connection: HTTPConnection) -> None:
        if self._is_closed or len(self._kept) >= _CONNECTIONS_MAX:
            connection.close()
        else:
            self._kept.append(connection)

    def _connected(self) -> HTTPConnection:
        if self._is_closed:
            raise NotConnected("the store is closed: connect again")
        connection = self._new()
        try:
            connection.connect()
        except urllib3.exceptions.NameResolutionError as error:
            raise NotConnected("no such host") from error
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            # What the system said stands shortest in the cause.
            raise NotConnected(getattr(error.__cause__, "strerror", None) or error) from error
        connection.timeout = self._answer_seconds_max
        connection.sock.settimeout(self._answer_seconds_max)
        return connection


def on_the_wire(target: str) -> str:
    """A path with its query in the characters that a request may have. Raises UnicodeError."""
    return target if _is_plain(target) else urllib3.util.parse_url(target).request_uri


_open: "weakref.WeakSet[Connections]" = weakref.WeakSet()


def _leave_to_parent() -> None:
    for one in _open:
        one.leave_to_parent()


os.register_at_fork(after_in_child=_leave_to_parent)


def _close_all(kept: deque[HTTPConnection]) -> None:
    while kept:
        kept.pop().close()


def _cut(error: Exception) -> AnswerCut:
    if isinstance(error, TimeoutError):
        return AnswerCut("none came in time")
    if isinstance(error, _NO_HTTP):
        return AnswerCut(f"it is no HTTP: {error}")
    return AnswerCut(getattr(error, "strerror", None) or error)


def _send(connection: HTTPConnection, head: bytes, body: bytes | None) -> None:
    try:
        if body is None:
            connection.sock.sendall(head)
        elif len(body) <= _COPIED_BODY_BYTES_MAX:
            connection.sock.sendall(head + body)
        else:
            connection.sock.sendall(head)
            connection.sock.sendall(body)
    except (BrokenPipeError, ConnectionResetError):
        pass  # a server may refuse a body before it has read it, and its answer is there


class _Reading:
    """What httptools finds in an answer.

    parser      whoever has read the answer takes it away, since the parser holds this object
    is_whole    there is all of it: whatever comes behind it is no part of it
    """

    parser: httptools.HttpResponseParser

    def __init__(self) -> None:
        self.is_whole = False
        self.on_message_begin()

    def on_message_begin(self) -> None:
        if self.is_whole:
            raise ValueError("an answer that nobody asked for")
        # Behind an answer that says "continue", another one begins.
        self.headers: dict[str, str] = {}
        self.pieces: list[bytes] = []
        self.status = 0
        self.is_last = True

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.status = self.parser.get_status_code()
        self.is_last = not self.parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        self.pieces.append(body)

    def on_message_complete(self) -> None:
        self.is_whole = self.status >= _FINAL

    def feed(self, received: bytes) -> None:
        try:
            self.parser.feed_data(received)
        except _NO_HTTP:
            if not self.is_whole:
                raise
            self.is_last = True

    def ends_with_connection(self) -> bool:
        """Whether the answer is one whose end only the end of the connection tells."""
        return self.status >= _FINAL and not any(name in self.headers for name in _ENDS_SAID)


def _received(connection: HTTPConnection) -> tuple[Answer, bool]:
    """The answer, and whether the connection is kept behind it."""
    reading = _Reading()
    reading.parser = httptools.HttpResponseParser(reading)
    receive = connection.sock.recv
    while not reading.is_whole:
        received = receive(_RECEIVED_BYTES_MAX)
        if received:
            reading.feed(received)
        elif reading.ends_with_connection():
            reading.is_whole = reading.is_last = True
        else:
            raise ConnectionResetError("Remote end closed connection before its answer was whole")
    del reading.parser
    answer = Answer(reading.status, reading.headers, b"".join(reading.pieces))
    return answer, not reading.is_last
