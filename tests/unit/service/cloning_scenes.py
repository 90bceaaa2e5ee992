"""What the tests of clones have in common: a source called v1, a clone of it, looks at both."""

from collections.abc import Callable
from typing import Any

import pytest

from tandem.assembly.core import Core
from tandem.service.cloning import Clone, CloneRequest
from tandem.service.records import DeletionMode
from unit.service.scenes import record


def clone(core: Core, target: str = "v2", source: str = "v1", **more: Any) -> Clone:
    return core.cloning.clone(CloneRequest(source=source, target=target, **more))


def put(core: Core, *given: Any, group: str = "v1", **features: object) -> None:
    core.records.put(group, record(*given, **features)).result()


def delete(core: Core, identifier: str, time: float, mode: DeletionMode) -> None:
    core.records.delete("v1", identifier, repr(time), mode).result()


def served(core: Core, group: str, *identifiers: str) -> list[dict[str, Any] | None]:
    found = core.records.get_many(group, identifiers)
    return [None if one is None else dict(one.values()) for one in found]


def history(core: Core, group: str, columns: str = "id, time, orders, note, is_deleted") -> Any:
    statement = f'SELECT {columns} FROM "{group}" ORDER BY api_invocation_time, write_time'
    return [tuple(row.values()) for row in core.queries.sql(statement).to_pylist()]


def before_each_call(
    monkeypatch: pytest.MonkeyPatch, target: object, name: str, *actions: Callable[[], object]
) -> None:
    """At its n-th call the method first does the n-th action."""
    real, waiting = getattr(target, name), list(actions)

    def interrupted(*arguments: Any, **named: Any) -> Any:
        if waiting:
            waiting.pop(0)()
        return real(*arguments, **named)

    monkeypatch.setattr(target, name, interrupted)


def nothing() -> None:
    """Happens."""


def failing(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail
