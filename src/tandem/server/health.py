"""What `GET /health` answers: always 200 while the server runs, and what an operator should see.

    {"status": "ok"}
    {"status": "degraded", "reason": "…"}            the registry or the online store cannot be read
                                                     or does not answer, or the background process
                                                     does not run
    {"status": "degraded", "late_groups": [          histories that cannot be written
        {"group_id": "…", "since": "2026-01-31T12:00:00Z", "reason": "…"}]}
    {"status": "degraded",                           nothing is delivered to histories: the log
        "undelivered_since": "2026-01-31T12:00:00Z"} keeps it all, and grows
    {"status": "degraded", "refused_files": […],     files put into histories: not taken, with their
                           "waiting_files": […]}     reasons; and those not whole for ten minutes

An orchestrator that restarts what is not healthy would help none of these, hence 200.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from tandem.errors import TandemError
from tandem.model.adopted_files import RefusedFile, WaitingFile
from tandem.registry.base import LateGroup
from tandem.wire.http import Response

_FRESH_SECONDS = 1.0
"""Whoever asks more often gets the same answer: to ask costs the server nothing."""
_PATIENCE_SECONDS = 2.0
"""A store in another process may hang, and who asks for health gives up soon."""
_FILES_MAX = 100


@dataclass(frozen=True, slots=True)
class HealthSources:
    """What health is made of. Files are by group id; `overdue_since_us` tells when the first write
    came that should be in its history, and is not; `problem` says what is wrong with the process
    itself, and `processes` what there is to say of a server's several.
    """

    late_groups: Callable[[], Mapping[str, LateGroup]]
    refused_files: Callable[[], Sequence[RefusedFile]]
    waiting_files: Callable[[], Mapping[str, Sequence[WaitingFile]]]
    overdue_since_us: Callable[[], int | None]
    problem: Callable[[], str | None] = lambda: None
    processes: Callable[[], Mapping[str, Any]] = dict


class Health:
    def __init__(self, sources: HealthSources) -> None:
        self._sources = sources
        self._known: dict[str, Any] = {}
        self._known_until = 0.0
        self._looking: asyncio.Future[dict[str, Any]] | None = None

    async def answer(self, *, is_detailed: bool) -> Response:
        """The answer; that it is degraded, but not why, where the asker may be a web page."""
        if time.monotonic() >= self._known_until:
            self._known = {**await self._found(), **self._sources.processes()}
            self._known_until = time.monotonic() + _FRESH_SECONDS
        shown = self._known if is_detailed else {"status": self._known["status"]}
        return Response(200, [("content-type", "application/json")], msgspec.json.encode(shown))

    async def _found(self) -> dict[str, Any]:
        looking = self._looking
        if looking is None or looking.done():
            # By one thread, however many ask: others need the threads, too.
            loop = asyncio.get_running_loop()
            looking = self._looking = loop.run_in_executor(None, self._look)
        await asyncio.wait([looking], timeout=_PATIENCE_SECONDS)
        if looking.done():
            return looking.result()
        reason = "the registry or the online store does not answer: see that what they need runs"
        return {"status": "degraded", "reason": reason}

    def _look(self) -> dict[str, Any]:
        sources = self._sources
        try:
            overdue_since_us = sources.overdue_since_us()
            found = {
                "late_groups": [
                    {"group_id": group_id, "since": _moment(late.since_us), "reason": late.reason}
                    for group_id, late in sorted(sources.late_groups().items())
                ],
                "refused_files": [
                    {
                        "group_id": file.group_id,
                        "file": file.kept_at,
                        "since": _moment(file.since_us),
                        "reason": file.reason,
                    }
                    for file in sources.refused_files()[:_FILES_MAX]
                ],
                "waiting_files": [
                    {"group_id": group_id, "file": file.path, "reason": file.reason}
                    for group_id, files in sorted(sources.waiting_files().items())
                    for file in files[:_FILES_MAX]
                ],
            }
        except TandemError as error:
            return {"status": "degraded", "reason": str(error)}
        if (problem := sources.problem()) is not None:
            return {"status": "degraded", "reason": problem}
        troubles: dict[str, Any] = {name: named for name, named in found.items() if named}
        if overdue_since_us is not None:
            troubles["undelivered_since"] = _moment(overdue_since_us)
        return {"status": "degraded" if troubles else "ok", **troubles}


def _moment(at_us: int) -> str:
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
