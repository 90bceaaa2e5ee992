"""The key that seals NextTokens: made once for a data folder, shared by all who serve it."""

import os
import secrets
from pathlib import Path

_FILE = "token.key"
_KEY_BYTES = 32


def holds_store(folder: Path) -> bool:
    """Whether somebody has made a store in this folder: the key is the first thing in it."""
    return (folder / _FILE).exists()


def token_key(folder: Path) -> bytes:
    """The key of a data folder, made where it is missing. Losing it only ends listings."""
    path = folder / _FILE
    key = secrets.token_bytes(_KEY_BYTES)
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    if not path.exists():
        partial.write_bytes(key)
        partial.chmod(0o600)
        try:
            # A link, not a rename: of two processes that start at once, the first one's key stays.
            os.link(partial, path)
        except FileExistsError:
            pass
        finally:
            partial.unlink()
    return path.read_bytes()
