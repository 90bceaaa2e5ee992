"""A clone of a group whose writers never pause: it ends, with an error and without a clone."""

import itertools

import pytest

from tandem.assembly.core import Core
from tandem.errors import ConflictError, ResourceNotFound
from tandem.service.group_log import GroupLog
from unit.service.cloning_scenes import clone, put
from unit.service.scenes import definition


def test_a_source_that_never_rests_is_refused(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    core.groups.create(definition("v1"))
    put(core, "C1", 1.0, orders=0)
    real, numbers = GroupLog.read, itertools.count(1)

    def read(log: GroupLog, limit: int) -> object:
        put(core, "C1", 1.0, orders=next(numbers))
        return real(log, limit)

    monkeypatch.setattr(GroupLog, "read", read)
    with pytest.raises(ConflictError, match="'v1' is written to faster than it can be copied"):
        clone(core)
    monkeypatch.undo()
    with pytest.raises(ResourceNotFound):
        core.groups.describe("v2")
    assert clone(core).rows == next(numbers)
