"""Access keys: who may sign requests.

* A key is given (by a setting or a file, with a secret of its own) or made here. The secrets of
  those made here are kept nowhere: each is derived from the key of the store, which lies beside the
  registry, and its id. So a copy of the registry signs nothing, and a key that was removed from it
  signs nothing either.
* What another process makes or removes is seen within a second, and a new one at its first use.
* Safe to use from many threads.
"""

import base64
import hmac
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence

import msgspec

from tandem.errors import ResourceNotFound
from tandem.model.access_key import check_description
from tandem.registry.base import DocumentRegistry
from tandem.service.clock import Clock
from tandem.service.compare_and_set import until_unopposed
from tandem.service.typed_documents import TypedDocuments

_KIND = "access-key"
_ID_PREFIX = "AKIA"  # what AWS puts before the ids of long-lived keys
_ID_BYTES = 10  # 16 characters in base 32
_SECRET_BYTES = 30  # 40 characters in base 64, as AWS's have
_FRESH_US = 1_000_000


class AccessKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as the registry has it, without its secret."""

    access_key_id: str
    description: str
    created_at_us: int


GivenKeys = Callable[[], Mapping[str, str]]
"""The secrets of keys that are kept elsewhere, by id, as they are at the moment."""


def derived_secret(store_key: bytes, purpose: bytes, name: bytes) -> str:
    """A secret access key that nobody can work out without the key of the store."""
    digest = hmac.digest(store_key, purpose + b"\0" + name, "sha256")
    return base64.b64encode(digest[:_SECRET_BYTES]).decode()


def no_given_keys() -> Mapping[str, str]:
    return {}


class AccessKeys:
    def __init__(
        self,
        registry: DocumentRegistry,
        store_key: bytes,
        clock: Clock,
        given: GivenKeys = no_given_keys,
    ) -> None:
        self._documents = TypedDocuments(registry, AccessKey, "an access key")
        self._store_key = store_key
        self._clock = clock
        self._given = given
        self._refreshing = threading.Lock()
        self._secrets: Mapping[str, str] = {}
        self._known_at_us: int | None = None

    def secret(self, access_key_id: str) -> str | None:
        """The secret of a key; None where there is no such key."""
        self._refresh()
        secret = self._secrets.get(access_key_id)
        # It may be new. One is looked for, not all: anybody may try ids that are not there.
        if secret is None and self._documents.find(_KIND, access_key_id) is not None:
            secret = self._derived(access_key_id)
        return secret

    def create(self, description: str = "") -> tuple[AccessKey, str]:
        """A new key and its secret. Raises ValidationError."""
        check_description(description)
        key = AccessKey(
            access_key_id=_ID_PREFIX + base64.b32encode(secrets.token_bytes(_ID_BYTES)).decode(),
            description=description,
            created_at_us=self._clock(),
        )
        self._documents.put(_KIND, key.access_key_id, key, 0)
        return key, self._derived(key.access_key_id)

    def made(self) -> Sequence[AccessKey]:
        """The keys that were made here, the oldest first."""
        stored = [found.value for found in self._documents.all(_KIND).values()]
        return sorted(stored, key=lambda key: (key.created_at_us, key.access_key_id))

    def secret_of_made(self, key: AccessKey) -> str:
        return self._derived(key.access_key_id)

    def delete(self, access_key_id: str) -> None:
        """Nothing that is signed by the key, or by what it gave out, is answered from now on.

        Raises ResourceNotFound.
        """

        def remove() -> None:
            found = self._documents.find(_KIND, access_key_id)
            if found is None:
                raise ResourceNotFound(
                    f"no access key {access_key_id[:128]!r} was made in this store:"
                    " 'tandem access-keys list' shows those that were"
                )
            self._documents.remove(_KIND, access_key_id, found.revision)

        until_unopposed(f"access key {access_key_id!r}", remove)

    def _derived(self, access_key_id: str) -> str:
        return derived_secret(self._store_key, b"access key", access_key_id.encode())

    def _refresh(self) -> None:
        """Looks the keys up anew where they are not known as of lately."""
        known_at_us = self._known_at_us
        if known_at_us is not None and 0 <= self._clock() - known_at_us < _FRESH_US:
            return
        with self._refreshing:
            now_us = self._clock()
            made = {name: self._derived(name) for name in self._documents.all(_KIND)}
            self._secrets = {**made, **self._given()}
            self._known_at_us = now_us
