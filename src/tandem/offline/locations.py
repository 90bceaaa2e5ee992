"""Where the files of a group are on the local disk, and what they are called.

    {root}/{bucket}/{prefix}/…/{name}-{epoch}/           the group's folder
        data/year=2020/month=06/day=30/hour=06/          the hour of event time
            20200630T064401Z_3nMk0Zq8rT1vXb5L.parquet    latest event time, 16 characters
        _log/0-00000000000000000001-00000000000000000090.parquet
                                                         the archive: log partition, first and last

* The folder follows from the group's resolved S3 URI. It never lies outside `root`, whatever the
  URI says and wherever a link in the tree points.
* The 16 characters are a hash of the group, the log range and the hour: the same range has the same
  names again after a crash. They are letters and digits, as in AWS's names.

A group in Iceberg format has folders of its own below `data`: see `tandem.offline.iceberg.layout`.
"""

import re
import string
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from tandem.errors import ValidationError
from tandem.model.event_time import EventTime
from tandem.model.feature_group import FeatureGroup, OfflineStoreConfig, TableFormat
from tandem.offline.log_range import LogRange

_SCHEME = "s3://"
_PART_BYTES_MAX = 255
_SUFFIX_CHARACTERS = 16
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ARCHIVE_FOLDER = "_log"
_ARCHIVE_NAME = re.compile(r"(\d+)-(\d{20})-(\d{20})\.parquet", re.ASCII)


@dataclass(frozen=True, slots=True)
class GroupFolder:
    """The folder of one group. `data_name` is the folder in it that holds the data files."""

    path: Path
    data_name: str

    @property
    def archive(self) -> Path:
        return self.path / _ARCHIVE_FOLDER


def data_uri(group: FeatureGroup) -> str:
    """The group's resolved S3 URI. Raises ValidationError where it has no offline store."""
    uri = _offline(group).resolved_uri
    if not uri:
        raise _no_offline_store(group)
    return uri


def table_format(group: FeatureGroup) -> TableFormat:
    """How the group's history is kept. Raises ValidationError where it has no offline store."""
    return _offline(group).table_format


def folder_of_uri(root: Path, resolved_uri: str) -> GroupFolder:
    """The group's folder for its resolved S3 URI, which names the data folder inside it.

    `root` is an absolute path without links. Raises ValidationError where the URI is not of the
    form s3://bucket/folder, or leads out of `root`.
    """
    scheme, rest = resolved_uri[: len(_SCHEME)], resolved_uri[len(_SCHEME) :]
    parts = [part for part in rest.split("/") if part]
    if scheme != _SCHEME or len(parts) < 2 or rest.startswith("/"):
        raise ValidationError(f"S3Uri {resolved_uri[:80]!r} is not valid: write s3://bucket/prefix")
    for part in parts:
        if not _can_be_a_folder(part):
            raise ValidationError(
                f"S3Uri {resolved_uri[:80]!r} has {part[:80]!r} in it, which cannot be a folder on"
                f" disk: a name has at most {_PART_BYTES_MAX} bytes and is not '.' or '..'"
            )
    folder = root.joinpath(*parts)
    if not folder.resolve().is_relative_to(root):
        raise ValidationError(
            f"S3Uri {resolved_uri[:80]!r} leads out of the offline store's folder {root},"
            " through a link: remove the link"
        )
    return GroupFolder(folder.parent, folder.name)


def hour_folder(event_time: EventTime) -> str:
    """The folder, below the data folder, of rows with this event time."""
    text = EventTime(event_time.seconds, 0).isoformat()
    return f"year={text[:4]}/month={text[5:7]}/day={text[8:10]}/hour={text[11:13]}"


def data_file_name(group_id: str, log_range: LogRange, part: str, latest: EventTime) -> str:
    """The name of a file with rows of one range. `latest` is their last moment, and `part` says
    which of the range's files it is: its hour, where there is one for each hour.
    """
    moment = EventTime(latest.seconds, 0).isoformat().replace("-", "").replace(":", "")
    return f"{moment}_{_suffix(group_id, log_range, part)}.parquet"


def archive_file_name(log_range: LogRange) -> str:
    first = log_range.after + 1
    return f"{log_range.partition}-{first:020d}-{log_range.last:020d}.parquet"


def archived_range(file_name: str) -> LogRange | None:
    """The range that an archive file holds; None where the name is not an archive file's."""
    if found := _ARCHIVE_NAME.fullmatch(file_name):
        partition, first, last = (int(digits) for digits in found.groups())
        return LogRange(partition, first - 1, last)
    return None


def _offline(group: FeatureGroup) -> OfflineStoreConfig:
    if group.offline is None:
        raise _no_offline_store(group)
    return group.offline


def _no_offline_store(group: FeatureGroup) -> ValidationError:
    return ValidationError(
        f"feature group {group.name!r} has no offline store: it was created without"
        " OfflineStoreConfig, so it has no history"
    )


def _can_be_a_folder(part: str) -> bool:
    try:
        size = len(part.encode())
    except UnicodeEncodeError:
        return False
    return size <= _PART_BYTES_MAX and part not in {".", ".."} and "\0" not in part


def _suffix(group_id: str, log_range: LogRange, part: str) -> str:
    said = "\n".join((group_id, *(str(position) for position in log_range), part))
    number = int.from_bytes(blake2b(said.encode(), digest_size=32).digest())
    characters = []
    for _ in range(_SUFFIX_CHARACTERS):
        number, digit = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[digit])
    return "".join(characters)
