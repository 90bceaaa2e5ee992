"""Names of files and folders: `s3://bucket/key`, and patterns over them.

In a pattern, `*`, `?` and `[…]` stand for characters of one segment; `**` for any segments.
"""

import re
from fnmatch import fnmatchcase

from tandem.errors import ValidationError

SCHEME = "s3://"
_MAGIC = re.compile(r"[*?[]")
_LENGTH_MAX = 4_096


def bucket_and_key(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix(SCHEME).partition("/")
    return bucket, key


def check_uri(uri: str, what: str) -> None:
    """Raises ValidationError where `uri` names neither an object of S3 nor an absolute path."""
    is_s3 = uri.startswith(SCHEME)
    path = uri.removeprefix(SCHEME).rstrip("/") if is_s3 else uri
    if not (path if is_s3 else path.startswith("/")) or len(uri) > _LENGTH_MAX or "\0" in uri:
        raise ValidationError(
            f"{what} {uri[:128]!r} is not valid: give s3://bucket/prefix, or the absolute path of a"
            " folder of the server"
        )
    if is_s3 and any(segment in ("", ".", "..") for segment in path.split("/")):
        raise ValidationError(
            f"{what} {uri[:128]!r} is not valid: a segment of it is empty, '.' or '..'"
        )


def split_pattern(uri: str) -> tuple[str, str | None]:
    """The folder above the first segment that has a pattern, and the pattern below it; or the name
    itself and None, where nothing in it is a pattern.
    """
    found = _MAGIC.search(uri)
    if found is None:
        return uri, None
    end = uri.rfind("/", 0, found.start()) + 1
    # What ends in "/" means all that is below.
    return uri[:end], uri[end:] + ("**" if uri.endswith("/") else "")


def matches(path: str, pattern: str) -> bool:
    """Whether a path, relative to a folder, fits a pattern below it."""
    reached = {0}
    steps = pattern.split("/")
    for segment in path.split("/"):
        reached = _through_stars(reached, steps)
        reached = {
            index if steps[index] == "**" else index + 1
            for index in reached
            if index < len(steps) and (steps[index] == "**" or fnmatchcase(segment, steps[index]))
        }
    return len(steps) in _through_stars(reached, steps)


def _through_stars(reached: set[int], steps: list[str]) -> set[int]:
    """With the steps behind each `**`, which may stand for nothing."""
    found = set(reached)
    for index, step in enumerate(steps):
        if index in found and step == "**":
            found.add(index + 1)
    return found
