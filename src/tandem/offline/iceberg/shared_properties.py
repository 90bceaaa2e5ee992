"""Which table properties other programs may change, and to what.

Writers obey many properties, Tandem's own deliveries among them: one that names a class to load,
another place for files, or a number that is none would harm or stop them. So of those that writers
obey, the ones below may be changed, and of Tandem's none. All others are free text to Tandem.
"""

import re
from collections.abc import Mapping

from pyiceberg.table import TableProperties
from pyiceberg.table.name_mapping import parse_mapping_from_json

from tandem.errors import ValidationError

_OBEYED = (
    *("write.", "commit.", "history.", "read.", "schema.", "gc.", "s3.", "encryption."),
    *("format-version", "py-io-impl", "io-impl"),
)
_OURS = "tandem."
_NUMBERS = frozenset(
    {
        "write.metadata.previous-versions-max",
        "history.expire.max-snapshot-age-ms",
        "history.expire.min-snapshots-to-keep",
        "history.expire.max-ref-age-ms",
        "write.parquet.row-group-size-bytes",
        "write.target-file-size-bytes",
        "write.delete.target-file-size-bytes",
        "read.split.target-size",
        "read.split.metadata-target-size",
        "read.split.open-file-cost",
    }
)
_WORDS: Mapping[str, frozenset[str]] = {
    "write.metadata.delete-after-commit.enabled": frozenset({"true", "false"}),
    "write.delete.mode": frozenset({"copy-on-write", "merge-on-read"}),
    "write.update.mode": frozenset({"copy-on-write", "merge-on-read"}),
    "write.merge.mode": frozenset({"copy-on-write", "merge-on-read"}),
    "write.delete.granularity": frozenset({"file", "partition"}),
}
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)


def check_properties(before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Raises ValidationError where a property that is changed, added or removed may not be."""
    for name in sorted(before.keys() | after.keys()):
        value = after.get(name)
        if value != before.get(name):
            _check_change(name, value)


def _check_change(name: str, value: str | None) -> None:
    if name.startswith(_OURS):
        raise ValidationError(
            f"the table property {name[:256]!r} is Tandem's own: leave it as it is"
        )
    if not name.startswith(_OBEYED):
        return
    if name == TableProperties.DEFAULT_NAME_MAPPING:
        _check_mapping(name, value)
        return
    if name in _NUMBERS:
        if value is None or (_NUMBER.fullmatch(value) and int(value) > 0):
            return
        raise ValidationError(
            f"the table property {name!r} is {value[:64]!r}: give it a whole number, at least 1"
        )
    if name not in _WORDS:
        raise ValidationError(
            f"the table property {name[:256]!r} cannot be changed, since deliveries obey it: leave"
            f" it as it is. Those that can be changed are {sorted({*_NUMBERS, *_WORDS})}"
        )
    if value is not None and value not in _WORDS[name]:
        raise ValidationError(
            f"the table property {name!r} is {value[:64]!r}: use one of {sorted(_WORDS[name])}"
        )


def _check_mapping(name: str, value: str | None) -> None:
    """Which columns have which ids in files without ids; set by who adds such files."""
    try:
        if value is not None:
            parse_mapping_from_json(value)
    except ValueError as error:
        raise ValidationError(
            f"the table property {name!r} is {value!r:.64}, no mapping of names: {error}"
        ) from error
