"""Where access keys come from: a setting, a file, and the registry.

The file is of the form of ~/.aws/credentials. Nobody but its owner and their group may read it, nor
anybody but its owner write it. It is read again when it changes; where it cannot be, the keys that
were read last stay, and the log says why.
"""

import logging
import os
import stat
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from contextlib import contextmanager
from pathlib import Path

from tandem.assembly import backends
from tandem.assembly.credentials_file import ID_MEMBER, SECRET_MEMBER, profiles
from tandem.assembly.settings import Settings, listed
from tandem.assembly.token_key import holds_store, key_in
from tandem.errors import ValidationError
from tandem.model.access_key import check_access_key_id, check_secret
from tandem.registry.base import DocumentRegistry
from tandem.service.access_keys import AccessKeys, GivenKeys
from tandem.service.clock import Clock, system_clock

_STORE_KEY = "access.key"
_log = logging.getLogger(__name__)


def store_key(settings: Settings) -> bytes:
    """What the secrets of keys and sessions are derived from: made once for a data folder."""
    return key_in(settings.data / _STORE_KEY)


def access_keys(settings: Settings, registry: DocumentRegistry, clock: Clock) -> AccessKeys:
    """Raises ValidationError where the setting or the file cannot be used, and where anybody may
    read what secrets are derived from.
    """
    given, path = _given(settings), settings.data / _STORE_KEY
    key = store_key(settings)
    _check_permissions(path, path.stat().st_mode, stat.S_IRWXO)
    return AccessKeys(registry, key, clock, given)


def has_access_keys(settings: Settings) -> bool:
    """Whether there is any key. Makes nothing in a folder that is no store yet. Raises
    ValidationError as `access_keys` does.
    """
    if _given(settings)():
        return True
    if not holds_access_keys(settings.data):
        return False
    with opened_access_keys(settings) as keys:
        return bool(keys.made())


def holds_access_keys(folder: Path) -> bool:
    """Whether there may be keys in a folder: it is a store, or about to become one, since keys can
    be made before a server has run there.
    """
    return holds_store(folder) or (folder / _STORE_KEY).exists()


def _given(settings: Settings) -> GivenKeys:
    in_setting = _keys_of_text(settings.access_keys)
    if not settings.access_keys_file:
        return lambda: in_setting
    file = AccessKeyFile(Path(settings.access_keys_file))
    return lambda: {**file.keys(), **in_setting}


@contextmanager
def opened_access_keys(settings: Settings) -> Iterator[AccessKeys]:
    """The keys of a data folder, without the rest of its store. Made where it is missing."""
    settings.data.mkdir(parents=True, exist_ok=True)
    registry = backends.registry(settings)
    try:
        yield AccessKeys(registry, store_key(settings), system_clock)
    finally:
        registry.close()


class AccessKeyFile:
    """Raises ValidationError where the file cannot be used at first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, ...] = ()
        self._keys: Mapping[str, str] = {}
        self._read()

    def keys(self) -> Mapping[str, str]:
        """The secrets by id, as they are in the file now."""
        try:
            self._read()
        except ValidationError as error:
            _log.error("%s; the access keys that were read before it stay", error)
        return self._keys

    def _read(self) -> None:
        try:
            if not stat.S_ISREG(self._path.stat().st_mode):  # opening a pipe waits for its writer
                raise ValidationError(
                    f"the file of access keys {str(self._path)!r} is not a regular file: it is read"
                    " again and again, as a pipe or a folder cannot be"
                )
            file = self._path.open(encoding="utf-8", errors="replace")
        except OSError as error:
            raise ValidationError(
                f"the file of access keys {str(self._path)!r} cannot be read: {error.strerror}"
            ) from error
        with file:
            status = os.fstat(file.fileno())
            seen = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            if seen == self._seen:
                return
            self._seen = seen  # a bad one is complained of once
            _check_permissions(self._path, status.st_mode, stat.S_IRWXO | stat.S_IWGRP)
            self._keys = keys_of_profiles(profiles(file.read(), self._path), self._path)


def _check_permissions(path: Path, mode: int, forbidden: int) -> None:
    if mode & forbidden:
        raise ValidationError(
            f"the file {str(path)!r} is open to others (mode {mode & 0o777:o}):"
            f" run chmod 600 {path}"
        )


def keys_of_profiles(found: ConfigParser, path: Path) -> Mapping[str, str]:
    """The secrets by id. Raises ValidationError that names the section, and shows no secret."""
    keys: dict[str, str] = {}
    for name in found.sections():
        access_key_id = found[name].get(ID_MEMBER, "").strip()
        secret = found[name].get(SECRET_MEMBER, "").strip()
        if not access_key_id or not secret:
            raise ValidationError(
                f"section [{name}] of {str(path)!r} needs {ID_MEMBER} and {SECRET_MEMBER}"
            )
        check_access_key_id(access_key_id)
        check_secret(access_key_id, secret)
        if keys.get(access_key_id, secret) != secret:
            raise ValidationError(
                f"{str(path)!r} has two secrets for access key {access_key_id!r}: leave one out"
            )
        keys[access_key_id] = secret
    return keys


def _keys_of_text(text: str) -> Mapping[str, str]:
    """The keys of the setting: ID:SECRET, with commas between them."""
    keys: dict[str, str] = {}
    for one in listed(text):
        access_key_id, colon, secret = one.partition(":")
        if not colon:
            raise ValidationError(
                "access_keys is not valid: write ID:SECRET, with commas between several"
            )
        check_access_key_id(access_key_id)
        check_secret(access_key_id, secret)
        keys[access_key_id] = secret
    return keys
