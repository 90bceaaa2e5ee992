"""Threads in which the store works, so that a slow disk keeps no other request waiting."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from tandem.offline.objects.staging import StagedFile
from tandem.offline.objects.store import OpenObject
from tandem.wire.s3.conditions import Span

Result = TypeVar("Result")

_THREADS = 16
_BLOCK_BYTES = 1 << 20


class Threads:
    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="s3")

    async def run(self, function: Callable[..., Result], *given: Any, **named: Any) -> Result:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, partial(function, *given, **named))

    async def write(self, body: AsyncIterator[bytes], staged: StagedFile) -> None:
        """Writes a body as it arrives, one block while the next one comes."""
        writing: asyncio.Future[None] | None = None
        waiting: list[bytes] = []
        size = 0
        try:
            async for data in body:
                waiting.append(data)
                size += len(data)
                if size >= _BLOCK_BYTES:
                    if writing is not None:
                        await writing
                    writing = asyncio.ensure_future(self.run(staged.write, b"".join(waiting)))
                    waiting, size = [], 0
        finally:
            # Also where the body breaks off: nobody may close the file under a thread.
            if writing is not None:
                await writing
        if waiting:
            await self.run(staged.write, b"".join(waiting))

    async def read(self, found: OpenObject, span: Span) -> AsyncIterator[bytes]:
        """The bytes of a span, one block ahead of who takes them. Closes the object at the end."""
        reading: asyncio.Future[bytes] | None = None
        try:
            end = span.start + span.size
            for offset in range(span.start, end, _BLOCK_BYTES):
                if reading is None:
                    reading = self._begin(found, offset, end)
                block = await reading
                following = offset + _BLOCK_BYTES
                reading = self._begin(found, following, end) if following < end else None
                yield block
        finally:
            if reading is not None:
                with suppress(OSError):
                    await reading
            found.close()

    def _begin(self, found: OpenObject, offset: int, end: int) -> "asyncio.Future[bytes]":
        size = min(_BLOCK_BYTES, end - offset)
        return asyncio.ensure_future(self.run(_read_exactly, found, offset, size))

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)


def _read_exactly(found: OpenObject, offset: int, size: int) -> bytes:
    block = found.read(offset, size)
    while len(block) < size:
        more = found.read(offset + len(block), size - len(block))
        if not more:
            raise OSError(f"{found.info.key} has become shorter while it was read")
        block += more
    return block
