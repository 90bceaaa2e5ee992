"""Roles in the registry: what outlives the process, and changes that meet."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tandem.errors import ConflictError, DataCorrupted, DeleteConflict
from tandem.model.role import NewRole
from tandem.registry.base import DocumentRegistry
from tandem.registry.memory import MemoryRegistry
from tandem.registry.sql import SqlRegistry
from tandem.service.roles import BUILT_IN_ROLE, Roles
from unit.service.scenes import ManualClock

ARN = "arn:aws:iam::aws:policy/p"
ACCESS = json.dumps({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
NEW = NewRole(
    name="maker",
    trust_policy=BUILT_IN_ROLE.trust_policy,
    path="/teams/",
    description="d",
    session_seconds_max=7_200,
    permissions_boundary=ARN,
    tags={"team": "a"},
)


def roles_in(registry: DocumentRegistry) -> Roles:
    return Roles(registry, ManualClock())


def test_a_role_outlives_the_process(tmp_path: Path) -> None:
    registry = SqlRegistry(tmp_path / "registry.sqlite")
    roles = roles_in(registry)
    created = roles.create(NEW)
    roles.put_policy("maker", "access", ACCESS)
    roles.attach("maker", ARN)
    before = roles.get("maker")
    registry.close()
    registry = SqlRegistry(tmp_path / "registry.sqlite")
    after = roles_in(registry).get("maker")
    assert after == before
    assert (after.role_id, after.created_at_us) == (created.role_id, created.created_at_us)
    assert (after.policies, after.attached) == ({"access": ACCESS}, (ARN,))
    registry.close()


def test_changes_that_meet_are_all_made() -> None:
    roles = roles_in(MemoryRegistry())
    roles.create(NEW)

    def tag(number: int) -> None:
        roles.tag("maker", {f"k{number}": ""})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(tag, range(40)))
    assert len(roles.get("maker").tags) == 41


class Meddled(MemoryRegistry):
    """Somebody else changes the role just before each of the next `meddling` changes."""

    meddling = 0

    def put_document(self, kind: str, name: str, content: str, expected: int) -> None:
        self._meddle(kind, name)
        super().put_document(kind, name, content, expected)

    def remove_document(self, kind: str, name: str, expected: int) -> None:
        self._meddle(kind, name)
        super().remove_document(kind, name, expected)

    def _meddle(self, kind: str, name: str) -> None:
        stored = self.document(kind, name)
        if self.meddling and stored is not None:
            self.meddling -= 1
            super().put_document(kind, name, stored.content, stored.revision)


def test_a_change_is_made_on_what_another_has_written() -> None:
    registry = Meddled()
    roles = roles_in(registry)
    roles.create(NEW)
    registry.meddling = 3
    roles.attach("maker", ARN)
    assert roles.get("maker").attached == (ARN,)
    registry.meddling = 100
    with pytest.raises(ConflictError, match="'maker' is being changed by others"):
        roles.tag("maker", {"a": ""})
    registry.meddling = 0
    with pytest.raises(DeleteConflict, match="still has the policies"):
        roles.delete("maker")
    roles.detach("maker", ARN)
    registry.meddling = 100
    with pytest.raises(ConflictError, match="'maker' is being changed by others"):
        roles.delete("maker")
    registry.meddling = 3
    roles.delete("maker")
    assert [role.name for role in roles.all()] == ["tandem"]


def test_a_role_that_cannot_be_read_is_named() -> None:
    registry = MemoryRegistry()
    registry.put_document("role", "broken", "{", 0)
    with pytest.raises(DataCorrupted, match="'broken' that cannot be read"):
        roles_in(registry).get("broken")
