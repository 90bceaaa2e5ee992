"""What health tells of what it is made of."""

import asyncio
import json
import threading
from typing import Any, cast

import pytest

from tandem.errors import StoreUnavailable
from tandem.server import health as health_module
from tandem.server.health import Health, HealthSources


def told(**sources: Any) -> dict[str, Any]:
    nothing: dict[str, Any] = {
        "late_groups": dict,
        "refused_files": list,
        "waiting_files": dict,
        "overdue_since_us": lambda: None,
    }
    health = Health(HealthSources(**{**nothing, **sources}))
    answer = asyncio.run(health.answer(is_detailed=True))
    assert answer.status == 200
    assert isinstance(answer.body, bytes)
    found: dict[str, Any] = json.loads(answer.body)
    return found


def test_all_is_well() -> None:
    assert told() == {"status": "ok"}


def test_a_delivery_that_does_not_come_has_a_moment() -> None:
    assert told(overdue_since_us=lambda: 1_769_860_800_000_000) == {
        "status": "degraded",
        "undelivered_since": "2026-01-31T12:00:00Z",
    }


def test_a_store_that_cannot_be_read_is_the_reason() -> None:
    def fail() -> None:
        raise StoreUnavailable("the disk is gone")

    expected = {"status": "degraded", "reason": "the disk is gone"}
    assert told(overdue_since_us=fail) == told(late_groups=fail) == expected


def test_a_store_that_hangs_is_told_by_a_server_that_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health_module, "_LOOK_SECONDS_MAX", 0.1)
    monkeypatch.setattr(health_module, "_FRESH_SECONDS", 0.0)
    answering = threading.Event()
    looks: list[object] = []

    def wait() -> None:
        looks.append(answering.wait(10))

    sources = HealthSources(dict, list, dict, wait)
    health = Health(sources)

    async def ask() -> list[str]:
        hung = [await health.answer(is_detailed=True) for _ in range(3)]
        answering.set()
        await asyncio.sleep(0.05)
        well = await health.answer(is_detailed=True)
        return [json.loads(cast("bytes", one.body))["status"] for one in [*hung, well]]

    assert asyncio.run(ask()) == ["degraded"] * 3 + ["ok"]
    assert len(looks) == 2
