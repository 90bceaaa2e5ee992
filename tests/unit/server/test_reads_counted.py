"""Each read of the fast lane is counted, whichever way it is answered: writes have turns for it."""

import asyncio

import uvicorn
from uvicorn.server import ServerState

from tandem.server.fast_lane import FastLane
from tandem.server.turns import Turns
from tandem.wire.http import Response
from tandem.wire.router import Again

READ = b"GET /lane?id=%b HTTP/1.1\r\nhost: localhost\r\n\r\n"
WRITE = b"PUT /lane HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}"
NOTHING = Response(200, [], b"")


class Answers:
    def __init__(self) -> None:
        self.turns = Turns()
        self.repeated = 0

    def takes_whole(self, *_request: object) -> bool:
        return True

    def again(self, *_request: object) -> Again:
        def answer(_query: bytes) -> Response:
            self.repeated += 1
            return NOTHING

        return answer

    def begin(self, *_request: object) -> Response:
        return NOTHING


def test_reads_are_counted_and_writes_are_not() -> None:
    answers = Answers()

    async def serve() -> None:
        config = uvicorn.Config(answers, http=FastLane)  # type: ignore[arg-type]
        config.load()
        server = await asyncio.get_running_loop().create_server(
            lambda: FastLane(config=config, server_state=ServerState(), app_state={}),
            "127.0.0.1",
            0,
        )
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            for request, counted, repeated in (
                (READ % b"1", 1, 0),
                (READ % b"2", 2, 1),
                (READ % b"1", 3, 2),
                (WRITE, 0, 2),  # which is where the count begins anew
                (READ % b"1", 1, 2),
            ):
                writer.write(request)
                await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
                assert (answers.turns.reads_passed, answers.repeated) == (counted, repeated)
            writer.close()

    asyncio.run(serve())
