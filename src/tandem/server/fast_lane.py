"""The fast lane: requests for records are answered without an ASGI cycle and, mostly, a task.

    bytes ─► httptools ─► headers complete ─► Application.takes_whole?
      │                         │ yes                      │ no
      │                         ▼                          ▼
      └──────────────► body gathered, one call       ASGI, as uvicorn does it
       a head again    of Application.begin

* `Application.takes_whole` alone decides which requests come here; both ways lead to one router, so
  answers say the same.
* The call runs in the parser's callback, where reads pass writes (`turns`). A read is answered
  there; what waits, for a commit or for a store in another process, has a task.
* A head that a connection has sent before, but for the target, needs no parser (`repeated_head`).
* Requests of one connection are answered in their order, one at a time. While one waits, or the
  client does not take its answers, nothing more is read from it.
* What a client may have held in memory before it has shown a signature has a bound: its head has
  `HEAD_BYTES_MAX`, its body what `Application` says. What comes as headers behind a body is
  dropped, whichever way the request goes. A connection is closed over which no whole head comes
  for a while, or nothing of a body, or whose client takes nothing of an answer.
"""

import asyncio
import fcntl
import struct
import termios
from collections import deque
from collections.abc import Coroutine, Mapping
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import urlsplit

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tandem.server.application import BODY_BYTES_MAX, Application
from tandem.server.asgi import joined_headers
from tandem.server.repeated_head import RepeatedHead, repeated_head
from tandem.wire.http import Response
from tandem.wire.router import Begun

HEAD_BYTES_MAX = 256 << 10
"""GetRecord may name 2,500 features of 64 characters in its query."""
_INT = struct.Struct("i")
_OK = HTTPStatus.OK.value  # the member itself has a slow hash
_NOWHERE: Any = deque(maxlen=0)
"""A list of headers that takes none."""
_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}


class FastLane(HttpToolsProtocol):
    """One connection. What is not for the lane goes the way of the class above."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._application = cast("Application", self.config.app)
        self._turns = self._application.turns
        self._held: _Exchange | None = None
        self._awaited_since: float | None = None
        """When the client last sent what is waited for: None while it waits itself."""
        self._untaken_bytes = 0
        self._untaken_since = 0.0
        """What is left of answers since when, as far as the looks at the time have seen."""
        self._default_headers: object = None
        self._answer_starts: dict[int, bytes] = {}
        self._waits_for_turn = False
        self._repeated: RepeatedHead | None = None
        """What may come again, while no request is under way and the parser is between two."""
        self._is_between_messages = True
        self._asks_for_upgrade = False
        self._untold_bytes = 0
        """Received since the parser told of a message or of a part of its body."""
        self._unread = self._whole = b""
        """What was received between two messages, until one begins; then it belongs to that one,
        until something else is received.
        """

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._begin_to_wait()

    def data_received(self, data: bytes) -> None:
        repeated = self._repeated
        if repeated is not None:
            begun = repeated.begin(data)
            if begun is not None:
                self._turns.reads_passed += 1
                self._answer_again(begun)
                return
        # Behind a message in hand, or its end, others may begin that are not the whole of this.
        self._unread = data if self._is_between_messages else b""
        self._untold_bytes += len(data)
        self._feed(data)
        self._unread = self._whole = b""
        if (
            self._untold_bytes > HEAD_BYTES_MAX
            and not self._is_between_messages
            and not self.transport.is_closing()
        ):
            self.send_400_response(
                f"The head of the request is larger than {HEAD_BYTES_MAX} bytes: send less in its"
                " URL and its headers."
            )

    def _answer_again(self, begun: Begun | bytes) -> None:
        """Answers the request of a head that has come again. Its exchange is that of the request
        before, which is over, and does not differ in what is left.
        """
        if not isinstance(begun, bytes):
            self._send(self._taken_up_again(), begun)
        elif not self.transport.is_closing():
            self.transport.write(self._answer_start(_OK) + begun)
            if self.flow.write_paused:
                self._hold(self._taken_up_again())
            else:
                self.server_state.total_requests += 1
                self._awaited_since = self.loop.time()

    def _taken_up_again(self) -> "_Exchange":
        self._repeated = self._awaited_since = None
        exchange: Any = self.cycle
        exchange.response_complete = False
        return cast("_Exchange", exchange)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Whether it stays open, for what is answered as soon as its turn comes, or its client
        takes what is before it.
        """
        last: Any = self.cycle
        # Of ASGI's requests some take long, and nobody knows whether their client still listens.
        stays = self._waits_for_turn or (isinstance(last, _Exchange) and self._is_answering())
        if stays:
            last.keep_alive = False
        return stays

    def _feed(self, data: bytes) -> None:
        """As uvicorn's `data_received`, but for requests that ask for another protocol: the parser
        ends them with their head, as if what is behind it were of that protocol.
        """
        self._unset_keepalive_if_required()
        rest = memoryview(data)
        while True:
            try:
                self.parser.feed_data(rest)
            except httptools.HttpParserError:
                self.send_400_response("Invalid HTTP request received.")
            except httptools.HttpParserUpgrade as ended:
                if self._asks_for_upgrade:
                    # There is no other one here, so it goes on as it would without that question.
                    rest = rest[ended.args[0] :]
                    head = self._head_without_upgrade()
                    self.parser = httptools.HttpRequestParser(self)
                    self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
                    self.parser.feed_data(head)
                    continue
            return

    def _head_without_upgrade(self) -> bytes:
        self._asks_for_upgrade = False
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        for name, value in self.headers:
            tokens = value.split(b",") if name == b"connection" else [value]
            kept = [one for one in tokens if one.strip().lower() != b"upgrade"]
            lines.append(b"%b: %b" % (name, b",".join(kept)))
        return b"\r\n".join([*lines, b"\r\n"])

    def send_400_response(self, msg: str) -> None:
        before: Any = self.cycle
        if before is None or before.response_complete or before.more_body:
            super().send_400_response(msg)
        else:
            # A request in hand gets its answer, which is the last one. It may take long.
            before.keep_alive = False
            self.flow.pause_reading()

    def on_message_begin(self) -> None:
        # The scope is made for ASGI alone: see `on_headers_complete`.
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self._whole, self._unread = self._unread, b""
        self._is_between_messages = False
        self._untold_bytes = len(self._whole)
        if self._awaited_since is not None:
            self._awaited_since = self.loop.time()  # the head has as long again
        # From here on, what is received belongs to this message.
        self._repeated = None
        before: Any = self.cycle
        if isinstance(before, _Exchange):
            before.repeated = None

    def on_headers_complete(self) -> None:
        self._asks_for_upgrade = (
            self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        )
        if self._asks_for_upgrade:
            return
        exchange = self._exchange()
        if exchange is None:
            url, headers, expects = self.url, self.headers, self.expect_100_continue
            super().on_message_begin()
            self.url, self.expect_100_continue = url, expects
            self.headers.extend(headers)  # the list that the scope has
            super().on_headers_complete()
            self.headers = _NOWHERE
            return
        self.headers = _NOWHERE
        cycle: Any = exchange
        before, self.cycle = self.cycle, cycle
        if before is None or before.response_complete:
            # Behind "Connection: close" a client waits for no answer.
            exchange.has_turn = not self.transport.is_closing()
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def on_body(self, body: bytes) -> None:
        self._untold_bytes = 0
        self._awaited_since = self.loop.time()
        exchange: Any = self.cycle
        if isinstance(exchange, _Exchange):
            exchange.take(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._asks_for_upgrade:
            return
        self._is_between_messages = True
        exchange: Any = self.cycle
        if not exchange.response_complete:
            self._awaited_since = None
        if not isinstance(exchange, _Exchange):
            super().on_message_complete()
            return
        exchange.more_body = False
        if exchange.keep_alive and exchange.method == "GET":
            again = self._application.again
            kept = repeated_head(self._whole, self.url, exchange.headers, again)
            if kept and kept.look_at(exchange.path, exchange.query):
                exchange.repeated = kept
        if exchange.has_turn:
            self._take_turn(exchange)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._untaken_bytes = 0
        held, self._held = self._held, None
        if held is not None:
            self._end(held)

    def on_response_complete(self) -> None:
        """As uvicorn's, but for the timer of an idle connection. That one would be made and taken
        away for each request; this one is made once, and asks when it is due.
        """
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.flow.read_paused:
            self.flow.resume_reading()
        if not self.pipeline:
            self._begin_to_wait()
            return
        if not self._is_between_messages:
            self._begin_to_wait()  # for the rest of its body
        self._start_asgi_task(*self.pipeline.pop())

    def _begin_to_wait(self) -> None:
        self._awaited_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_again(self.timeout_keep_alive)

    def _unset_keepalive_if_required(self) -> None:
        """A byte is no request: who sends one now and then would be waited for for ever."""

    def timeout_keep_alive_handler(self) -> None:
        now = self.loop.time()
        untaken_bytes = self._count_untaken_bytes()
        if untaken_bytes != self._untaken_bytes:
            self._untaken_bytes, self._untaken_since = untaken_bytes, now
        elif untaken_bytes and now - self._untaken_since >= self.timeout_keep_alive:
            self.transport.abort()  # to close it would wait until they are taken
            return
        if self._awaited_since is not None and (self.flow.read_paused or self._is_answering()):
            self._awaited_since = now  # it is not the client alone that is waited for
        idle_seconds = 0.0 if self._awaited_since is None else now - self._awaited_since
        if idle_seconds >= self.timeout_keep_alive:
            self.transport.close()
            idle_seconds = 0.0
        self._look_again(self.timeout_keep_alive - idle_seconds)

    def _count_untaken_bytes(self) -> int:
        """Of answers, where the system does not take all of them."""
        waiting = self.transport.get_write_buffer_size()
        if not waiting:
            return 0
        # The system has megabytes of its own in hand, and takes more when a third of them is gone:
        # of a slow client, which takes minutes for that, only the system knows that it takes any.
        connection = self.transport.get_extra_info("socket")
        try:
            sent = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(_INT.size))
        except OSError:  # this one does not tell
            return waiting
        return waiting + int(_INT.unpack(sent)[0])

    def _is_answering(self) -> bool:
        """Whether a request is in hand, or in line, that has come whole."""
        last: Any = self.cycle
        return bool(self.pipeline) or not (last is None or last.response_complete or last.more_body)

    def _look_again(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            seconds, self.timeout_keep_alive_handler
        )

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        if isinstance(cycle, _Exchange):
            # Not at once: a long pipeline would become a deep stack.
            self.loop.call_soon(self._give_turn, cycle)
        else:
            super()._start_asgi_task(cycle, app)

    def _give_turn(self, exchange: "_Exchange") -> None:
        if not self.transport.is_closing():
            exchange.has_turn = True
            if not exchange.more_body:
                self._take_turn(exchange)

    def _exchange(self) -> "_Exchange | None":
        """The request at hand, if it is for the lane."""
        if self.expect_100_continue or self.parser.should_upgrade():
            return None
        if self.url.startswith(b"/"):
            path, _, query = self.url.partition(b"#")[0].partition(b"?")
        else:
            parsed = urlsplit(self.url)  # a proxy's form, with scheme and host
            path, query = parsed.path, parsed.query
        headers = joined_headers(self.headers)
        method = self.parser.get_method().decode("ascii")
        if not self._application.takes_whole(path, query, headers):
            return None
        is_kept = self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive()
        return _Exchange(method, path, query, headers, keep_alive=is_kept)

    def _take_turn(self, exchange: "_Exchange") -> None:
        if exchange.method == "GET":
            self._turns.reads_passed += 1
            self._answer(exchange)
        else:
            self._waits_for_turn = True
            self._turns.take(self.loop, self._answer, exchange)

    def _answer(self, exchange: "_Exchange") -> None:
        self._waits_for_turn = False
        body = None if exchange.is_too_large else bytes(exchange.body)
        exchange.body = b""  # the exchange stays until the next one: a client may keep many idle
        begun = self._application.begin(
            exchange.method, exchange.path, exchange.query, exchange.headers, body
        )
        self._send(exchange, begun)

    def _send(self, exchange: "_Exchange", begun: Begun) -> None:
        if isinstance(begun, Response):
            self._reply(exchange, begun)
        else:
            task = self.loop.create_task(self._reply_later(exchange, begun))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _reply_later(
        self, exchange: "_Exchange", answer: Coroutine[Any, Any, Response]
    ) -> None:
        self._reply(exchange, await answer)

    def _reply(self, exchange: "_Exchange", response: Response) -> None:
        if self.transport.is_closing():
            exchange.response_complete = True
            return
        body = response.body
        assert isinstance(body, bytes)  # the lane takes no request whose answer is a stream
        lines = "" if exchange.keep_alive else "connection: close\r\n"
        for name, value in response.headers:
            lines += f"{name}: {value}\r\n"
        lines += f"content-length: {len(body)}\r\n\r\n"
        if exchange.method == "HEAD":
            body = b""  # its client would take it for the next answer
        start = self._answer_start(response.status)
        self.transport.write(b"".join((start, lines.encode("latin-1"), body)))
        if exchange.keep_alive and self.flow.write_paused:
            self._hold(exchange)
        else:
            self._end(exchange)

    def _hold(self, exchange: "_Exchange") -> None:
        """The client does not take what it asked for. Until it does, the exchange is not over:
        whatever comes behind it, here or by ASGI, waits for its turn.
        """
        self._held = exchange
        self.flow.pause_reading()

    def _answer_start(self, status: int) -> bytes:
        """The status line and the headers of all answers, which the server makes anew each second,
        for the date.
        """
        headers = self.server_state.default_headers
        if headers is not self._default_headers:
            self._default_headers = headers
            self._answer_starts.clear()
        start = self._answer_starts.get(status)
        if start is None:
            lines = b"".join(b"%b: %b\r\n" % header for header in headers)
            start = self._answer_starts[status] = _STATUS_LINES[status] + lines
        return start

    def _end(self, exchange: "_Exchange") -> None:
        exchange.response_complete = True
        self._repeated = exchange.repeated
        if not exchange.keep_alive:
            self.transport.close()
        self.on_response_complete()


class _Exchange:
    """A request of the lane, in the place where uvicorn keeps its own kind.

    has_turn     all requests before it on the connection are answered
    repeated     what may come again of it, as long as nothing else has come
    more_body, response_complete, keep_alive, disconnected, message_event     as uvicorn has them
    """

    # Of the class, for what most requests leave as it is.
    body: bytes | bytearray = b""
    disconnected = False
    has_turn = False
    is_too_large = False
    message_event = asyncio.Event()  # for which nobody waits
    more_body = True
    repeated: RepeatedHead | None = None
    response_complete = False

    def __init__(
        self,
        method: str,
        path: bytes,
        query: bytes,
        headers: Mapping[str, str],
        *,
        keep_alive: bool,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.keep_alive = keep_alive

    def take(self, body: bytes) -> None:
        """What is over the limit is read and dropped."""
        if self.is_too_large or len(self.body) + len(body) > BODY_BYTES_MAX:
            self.is_too_large = True
            self.body = b""
        elif not self.body:
            self.body = body  # whole, mostly
        else:
            if isinstance(self.body, bytes):
                self.body = bytearray(self.body)
            self.body += body
