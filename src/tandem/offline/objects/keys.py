"""Which names buckets and keys may have, and where their files are.

A key is the path of its file below the bucket's folder, segment by segment. So some keys of S3 are
none here: those with a segment that is empty, "." or "..", that has a NUL or more than 255 bytes,
and those that a file being delivered has until it is whole. A key that ends in "/" is a folder.

Nothing is reached through a link: whatever a link stands for, it is as if it were not there. So no
key leads out of its bucket's folder.
"""

import re
import stat
from pathlib import Path

from tandem.offline.durable_files import is_temporary
from tandem.offline.objects.errors import InvalidBucketName, InvalidKey, KeyTooLong

KEY_BYTES_MAX = 1_024
_SEGMENT_BYTES_MAX = 255
_NEW_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}", re.ASCII)
_IP_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+", re.ASCII)


def is_bucket_name(name: str) -> bool:
    """Whether a folder of this name is a bucket: groups' S3 URIs may say more than S3 allows."""
    return _BUCKET.fullmatch(name) is not None


def is_new_bucket_name(name: str) -> bool:
    """Whether S3 would let a bucket have this name."""
    return (
        _NEW_BUCKET.fullmatch(name) is not None
        and ".." not in name
        and not _IP_ADDRESS.fullmatch(name)
    )


def check_new_bucket_name(name: str) -> None:
    """Raises InvalidBucketName."""
    if not is_new_bucket_name(name):
        raise InvalidBucketName(
            f"{name[:64]!r} cannot be a bucket's name: it has 3 to 63 lower-case letters, digits,"
            " dots and hyphens, and begins and ends with a letter or digit"
        )


def check_key(key: str) -> None:
    """Raises InvalidKey where no file can have this key."""
    if len(key.encode(errors="surrogatepass")) > KEY_BYTES_MAX:
        raise KeyTooLong(f"the key {key[:64]!r}… has more than {KEY_BYTES_MAX} bytes")
    for segment in key.removesuffix("/").split("/"):
        if reason := _refusal(segment):
            raise InvalidKey(
                f"the key {key[:128]!r} cannot be the path of a file: {reason}; name it otherwise"
            )


def is_folder(key: str) -> bool:
    return key.endswith("/")


def path_of(bucket_folder: Path, key: str) -> Path:
    """Where the file of a valid key is, or the folder where the key ends in "/"."""
    return bucket_folder.joinpath(*key.removesuffix("/").split("/"))


def may_be_segment(segment: str) -> bool:
    """Whether a file or folder may have this name."""
    return _refusal(segment) is None


def is_visible(name: str) -> bool:
    """Whether a file or folder of this name can be part of a key."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False  # a name on disk that is not UTF-8, which no key can be
    return not is_temporary(name)


def has_link(root: Path, path: Path) -> bool:
    """Whether `root`, `path` or a folder between them is a link. What is missing is none."""
    for step in (path, *path.parents):
        try:
            if stat.S_ISLNK(step.lstat().st_mode):
                return True
        except (FileNotFoundError, NotADirectoryError):
            pass
        if step == root:
            return False
    return True  # not below root at all


def _refusal(segment: str) -> str | None:
    if segment in {"", ".", ".."}:
        return f"it has the segment {segment!r} in it"
    if "\0" in segment:
        return "it has a NUL in it"
    try:
        size = len(segment.encode())
    except UnicodeEncodeError:
        return "it is not UTF-8"
    if size > _SEGMENT_BYTES_MAX:
        return f"the segment {segment[:32]!r}… has more than {_SEGMENT_BYTES_MAX} bytes"
    if is_temporary(segment):
        return f"{segment[:64]!r} is a name of files that are not whole yet"
    return None
