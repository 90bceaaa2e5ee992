"""What `GET /health` answers: always 200 while the server runs, and what an operator should see.

    {"status": "ok"}
    {"status": "degraded", "reason": "…"}            the registry cannot be read, or the background
                                                     process does not run
    {"status": "degraded", "late_groups": [          histories that cannot be written
        {"group_id": "…", "since": "2026-01-31T12:00:00Z", "reason": "…"}]}

An orchestrator that restarts what is not healthy would help none of these, hence 200.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from tandem.errors import TandemError
from tandem.registry.base import LateGroup
from tandem.wire.http import Response

_FRESH_SECONDS = 1.0
"""Whoever asks more often gets the same answer: to ask costs the server nothing."""


class Health:
    def __init__(
        self,
        late_groups: Callable[[], Mapping[str, LateGroup]],
        problem: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`problem` says what is wrong with the process itself."""
        self._late_groups = late_groups
        self._problem = problem
        self._known: dict[str, Any] = {}
        self._known_until = 0.0

    async def answer(self, *, is_detailed: bool) -> Response:
        """The answer; that it is degraded, but not why, where the asker may be a web page."""
        if time.monotonic() >= self._known_until:
            self._known = await asyncio.to_thread(self._look)
            self._known_until = time.monotonic() + _FRESH_SECONDS
        shown = self._known if is_detailed else {"status": self._known["status"]}
        return Response(200, [("content-type", "application/json")], msgspec.json.encode(shown))

    def _look(self) -> dict[str, Any]:
        try:
            late = self._late_groups()
        except TandemError as error:
            return {"status": "degraded", "reason": str(error)}
        problem = self._problem()
        if problem is not None:
            return {"status": "degraded", "reason": problem}
        if not late:
            return {"status": "ok"}
        return {
            "status": "degraded",
            "late_groups": [
                {"group_id": group_id, "since": _moment(group.since_us), "reason": group.reason}
                for group_id, group in sorted(late.items())
            ],
        }


def _moment(at_us: int) -> str:
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
