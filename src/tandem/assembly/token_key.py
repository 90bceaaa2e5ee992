"""The key that seals NextTokens: made once for a data folder, shared by all who serve it."""

import hashlib
import os
import secrets
from pathlib import Path

from tandem.errors import DataCorrupted

_FILE = "token.key"
_KEY_BYTES = 32


def holds_store(folder: Path) -> bool:
    """Whether somebody has made a store in this folder: the key is the first thing in it."""
    return (folder / _FILE).exists()


def token_key(folder: Path) -> bytes:
    """The key of a data folder, made where it is missing. Losing it ends listings, and the claim to
    what is in other places: see `store_id`.
    """
    return key_in(folder / _FILE)


def store_id(folder: Path) -> str:
    """What tells a data folder's store from others, in a place that many may use. It does not tell
    the key.
    """
    return hashlib.blake2b(token_key(folder), digest_size=16, person=b"tandem store").hexdigest()


def key_in(path: Path) -> bytes:
    """The 32 random bytes in a file that only this user may read. Made where it is missing, and on
    disk by then: of two processes that start at once, the first one's key stays.

    Raises DataCorrupted where it is not whole.
    """
    if not path.exists():
        partial = path.with_name(f"{path.name}.{os.getpid()}")
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, secrets.token_bytes(_KEY_BYTES))
            os.fsync(descriptor)
            # A link, not a rename, which would replace the other's.
            os.link(partial, path)
        except FileExistsError:
            pass
        finally:
            os.close(descriptor)
            partial.unlink()
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    key = path.read_bytes()
    if len(key) != _KEY_BYTES:
        raise DataCorrupted(
            f"{str(path)!r} has {len(key)} bytes instead of {_KEY_BYTES}: restore it from a backup"
        )
    return key
