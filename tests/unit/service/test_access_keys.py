"""Access keys: made, removed and seen by other processes; secrets that are kept nowhere."""

import pytest

from tandem.errors import ResourceNotFound, ValidationError
from tandem.registry.memory import MemoryRegistry
from tandem.service.access_keys import AccessKeys

STORE_KEY = b"s" * 32


class Moving:
    now_us = 1_750_000_000_000_000

    def clock(self) -> int:
        return self.now_us


@pytest.fixture
def time() -> Moving:
    return Moving()


@pytest.fixture
def registry() -> MemoryRegistry:
    return MemoryRegistry()


@pytest.fixture
def keys(registry: MemoryRegistry, time: Moving) -> AccessKeys:
    return AccessKeys(registry, STORE_KEY, time.clock)


@pytest.fixture
def elsewhere(registry: MemoryRegistry, time: Moving) -> AccessKeys:
    """The same keys in another process."""
    return AccessKeys(registry, STORE_KEY, time.clock)


def test_a_key_is_as_awss_are(keys: AccessKeys) -> None:
    key, secret = keys.create("for the notebook")
    assert key.access_key_id.startswith("AKIA")
    assert (len(key.access_key_id), len(secret)) == (20, 40)
    assert keys.secret(key.access_key_id) == secret
    assert keys.made() == [key]
    assert key.description == "for the notebook"


def test_the_registry_has_no_secret(keys: AccessKeys, registry: MemoryRegistry) -> None:
    key, secret = keys.create()
    assert secret not in str(registry.documents("access-key"))
    other = AccessKeys(registry, b"o" * 32, lambda: 0)
    assert other.secret(key.access_key_id) not in {secret, None}


def test_another_process_sees_a_new_key_at_once(keys: AccessKeys, elsewhere: AccessKeys) -> None:
    assert elsewhere.secret("AKIANOBODY") is None
    key, secret = keys.create()
    assert elsewhere.secret(key.access_key_id) == secret


def test_another_process_sees_within_a_second_that_a_key_is_gone(
    keys: AccessKeys, elsewhere: AccessKeys, time: Moving
) -> None:
    key, secret = keys.create()
    assert elsewhere.secret(key.access_key_id) == secret
    keys.delete(key.access_key_id)
    time.now_us += 1_000_000
    assert elsewhere.secret(key.access_key_id) is None
    with pytest.raises(ResourceNotFound, match=key.access_key_id):
        keys.delete(key.access_key_id)


def test_strangers_do_not_make_the_registry_work(
    registry: MemoryRegistry, time: Moving, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = AccessKeys(registry, STORE_KEY, time.clock)
    assert keys.secret("AKIANOBODY") is None
    monkeypatch.setattr(registry, "documents", None)
    for _ in range(100):
        assert keys.secret("AKIANOBODY") is None


def test_keys_that_are_given_are_keys_too(registry: MemoryRegistry, time: Moving) -> None:
    given = {"AKIAGIVEN": "g" * 40}
    keys = AccessKeys(registry, STORE_KEY, time.clock, lambda: given)
    assert keys.secret("AKIAGIVEN") == "g" * 40
    given["AKIAGIVEN"] = "n" * 40
    time.now_us += 1_000_000
    assert keys.secret("AKIAGIVEN") == "n" * 40
    assert keys.made() == []


def test_a_description_is_short(keys: AccessKeys) -> None:
    with pytest.raises(ValidationError, match="256"):
        keys.create("d" * 257)
