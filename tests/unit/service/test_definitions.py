"""Definitions in memory: as current as promised, whoever changes them."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tandem.model.feature_group import FeatureGroup, FeatureGroupStatus
from tandem.registry.base import Changes, GroupRegistry
from tandem.registry.memory import MemoryRegistry
from tandem.registry.sql import SqlRegistry
from tandem.service.definitions import Definitions
from tandem.testing.purchases import purchases_group
from tandem.testing.registry_contract import next_revision

GROUP = purchases_group()


@pytest.fixture(params=["sql", "memory"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GroupRegistry]:
    """The registry as another process has it open: changes made here bypass `definitions`."""
    opened: GroupRegistry = (
        MemoryRegistry() if request.param == "memory" else SqlRegistry(tmp_path / "registry.db")
    )
    yield opened
    opened.close()


@pytest.fixture
def definitions(registry: GroupRegistry, tmp_path: Path) -> Iterator[Definitions]:
    if isinstance(registry, MemoryRegistry):
        yield Definitions(registry)
        return
    own = SqlRegistry(tmp_path / "registry.db")
    yield Definitions(own)
    own.close()


def change(registry: GroupRegistry, group: FeatureGroup, **changes: object) -> FeatureGroup:
    changed = next_revision(group, **changes)
    registry.replace(changed)
    return changed


def test_nothing_is_found_where_there_is_nothing(definitions: Definitions) -> None:
    assert definitions.find("purchases") is None
    assert definitions.find_for_reading("purchases") is None
    assert list(definitions.live()) == list(definitions.deleted()) == []
    assert definitions.aliases() == {}


def test_changes_of_others_are_seen_by_the_next_call(
    registry: GroupRegistry, definitions: Definitions
) -> None:
    registry.add(GROUP)
    registry.set_alias("current", "purchases")
    assert definitions.find("purchases") == GROUP
    changed = change(registry, GROUP, description="changed")
    assert definitions.find("purchases") == changed
    assert definitions.find_for_reading("current") == changed
    registry.add(purchases_group("other"))
    registry.set_alias("current", "other")
    assert definitions.find_for_reading("current") == purchases_group("other")
    change(registry, changed, deleted_at_us=5)
    assert definitions.find("purchases") is None
    assert definitions.of_id(GROUP.group_id) is not None


def test_what_was_unknown_is_found(registry: GroupRegistry, definitions: Definitions) -> None:
    assert definitions.find("purchases") is None
    assert definitions.find_for_reading("current") is None
    registry.add(GROUP)
    assert definitions.find("purchases") == GROUP
    registry.set_alias("current", "purchases")
    assert definitions.find_for_reading("current") == GROUP
    assert definitions.find("current") is None  # an alias is for readers


def test_listings_are_as_of_the_call(registry: GroupRegistry, definitions: Definitions) -> None:
    other = purchases_group("other")
    registry.add(GROUP)
    assert list(definitions.live()) == [GROUP]
    registry.add(other)
    assert list(definitions.live()) == [other, GROUP]
    registry.set_alias("z", "other")
    registry.set_alias("a", "other")
    assert list(definitions.aliases().items()) == [("a", "other"), ("z", "other")]
    deleted = change(registry, GROUP, deleted_at_us=5)
    assert list(definitions.deleted()) == [deleted]
    assert list(definitions.live()) == [other]
    assert definitions.find("purchases") is None  # the listing has brought all up to date


def test_a_group_that_others_delete_and_make_again(
    registry: GroupRegistry, definitions: Definitions
) -> None:
    registry.add(GROUP)
    assert definitions.find("purchases") == GROUP
    change(registry, GROUP, deleted_at_us=5)
    again = purchases_group(epoch=1_700_000_001)
    registry.add(again)
    assert definitions.find("purchases") == again
    assert [group.group_id for group in definitions.deleted()] == [GROUP.group_id]
    change(registry, again, deleted_at_us=6)
    assert definitions.find("purchases") is None
    assert [group.group_id for group in definitions.deleted()] == [GROUP.group_id, again.group_id]


def test_the_same_objects_come_back_until_something_changes(
    registry: GroupRegistry, definitions: Definitions
) -> None:
    registry.add(GROUP)
    registry.add(purchases_group("other"))
    registry.set_alias("current", "other")
    live, deleted, aliases = definitions.live(), definitions.deleted(), definitions.aliases()
    assert definitions.live() is live
    assert definitions.deleted() is deleted
    assert definitions.aliases() is aliases
    change(registry, GROUP, description="changed")
    assert definitions.live() is not live
    assert definitions.live()[0] is live[0]  # what did not change is not read again


def test_a_look_up_asks_nobody_until_something_changes(
    registry: GroupRegistry, definitions: Definitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.add(GROUP)
    registry.set_alias("current", "purchases")
    assert definitions.find("purchases") == GROUP
    monkeypatch.setattr(definitions, "_registry", None)
    assert definitions.find("purchases") == GROUP
    assert definitions.find_for_reading("current") == GROUP
    assert definitions.find("missing") is None
    registry.set_alias("another", "purchases")
    with pytest.raises(AttributeError):
        definitions.find("purchases")


def test_only_what_changed_is_read(
    registry: GroupRegistry,
    definitions: Definitions,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(20):
        registry.add(purchases_group(f"g{number}"))
    assert len(definitions.live()) == 20
    own, read = definitions._registry, []
    real = own.changes

    def counted(after: int) -> Changes:
        found = real(after)
        read.append([group.name for group in found.groups])
        return found

    monkeypatch.setattr(own, "changes", counted)
    change(registry, purchases_group("g7"), description="changed")
    assert definitions.find("g3") == purchases_group("g3")
    assert definitions.find("missing") is None
    assert read == [["g7"]]


def test_many_readers_never_see_a_change_undone(
    registry: GroupRegistry, definitions: Definitions
) -> None:
    registry.add(GROUP)
    assert definitions.find("purchases") == GROUP
    done = threading.Event()
    steps_back: list[tuple[int, int]] = []

    def read() -> None:
        seen = 0
        while not done.is_set():
            found = definitions.live()[0].revision
            if found < seen:
                steps_back.append((seen, found))
            seen = found

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    group = GROUP
    for number in range(100):
        group = change(registry, group, description=str(number))
    done.set()
    for reader in readers:
        reader.join()
    assert not steps_back
    assert definitions.live() == (group,)


def test_a_group_in_the_making_is_found_as_it_is(
    registry: GroupRegistry, definitions: Definitions
) -> None:
    creating = replace(GROUP, status=FeatureGroupStatus.CREATING)
    registry.add(creating)
    assert definitions.find("purchases") == creating
    # Another process has finished its clone: whoever it tells so may use the group here, too.
    created = change(registry, creating, status=FeatureGroupStatus.CREATED)
    assert definitions.find("purchases") == created
    registry.set_alias("current", "purchases")
    assert definitions.find_for_reading("current") == created
