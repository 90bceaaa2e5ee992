"""What health tells of what it is made of."""

import asyncio
import json
import threading
from typing import Any

import pytest

from tandem.errors import StoreUnavailable
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


def test_a_store_that_hangs_takes_one_thread_and_no_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tandem.server.health._PATIENCE_SECONDS", 0.1)
    may_answer = threading.Event()
    looks: list[int] = []

    def hang() -> None:
        looks.append(1)
        assert may_answer.wait(60)

    health = Health(HealthSources(dict, list, dict, overdue_since_us=hang))

    async def ask() -> list[bytes]:
        try:
            together = [health.answer(is_detailed=True) for _ in range(50)]
            answers = await asyncio.wait_for(asyncio.gather(*together), 30)
            answers.append(await asyncio.wait_for(health.answer(is_detailed=True), 30))
        finally:
            may_answer.set()
        return [bytes(answer.body) for answer in answers if isinstance(answer.body, bytes)]

    bodies = asyncio.run(ask())
    assert len(bodies) == 51
    assert len(looks) == 1
    for body in bodies:
        assert json.loads(body)["status"] == "degraded"
        assert b"does not answer" in body


def test_a_store_that_answers_again_is_well_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tandem.server.health._FRESH_SECONDS", 0.0)
    monkeypatch.setattr("tandem.server.health._PATIENCE_SECONDS", 0.1)
    may_answer = threading.Event()

    def hang() -> None:
        assert may_answer.wait(60)

    health = Health(HealthSources(dict, list, dict, overdue_since_us=hang))

    async def ask() -> list[object]:
        answers = [await health.answer(is_detailed=True)]
        may_answer.set()
        monkeypatch.setattr("tandem.server.health._PATIENCE_SECONDS", 30)
        answers.append(await health.answer(is_detailed=True))
        return [json.loads(one.body)["status"] for one in answers if isinstance(one.body, bytes)]

    assert asyncio.run(ask()) == ["degraded", "ok"]
