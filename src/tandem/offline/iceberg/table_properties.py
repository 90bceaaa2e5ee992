"""The table properties that say how a table is optimized and vacuumed: Athena's, by its names.

Each is a whole number. Others cannot be set through Tandem: PyIceberg and other writers take theirs
from the same place, and one that they cannot read would stop deliveries.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from pyiceberg.table import Table, TableProperties

from tandem.errors import ValidationError

VACUUM_MAX_SNAPSHOT_AGE_SECONDS = "vacuum_max_snapshot_age_seconds"
VACUUM_MIN_SNAPSHOTS_TO_KEEP = "vacuum_min_snapshots_to_keep"
VACUUM_MAX_METADATA_FILES_TO_KEEP = "vacuum_max_metadata_files_to_keep"
WRITE_TARGET_DATA_FILE_SIZE_BYTES = "write_target_data_file_size_bytes"
OPTIMIZE_MIN_DATA_FILE_SIZE_BYTES = "optimize_rewrite_min_data_file_size_bytes"
OPTIMIZE_DATA_FILE_THRESHOLD = "optimize_rewrite_data_file_threshold"

_TARGET_BYTES = 512 << 20
_LEAST: Mapping[str, int] = MappingProxyType(
    {
        VACUUM_MAX_SNAPSHOT_AGE_SECONDS: 0,
        VACUUM_MIN_SNAPSHOTS_TO_KEEP: 1,
        VACUUM_MAX_METADATA_FILES_TO_KEEP: 1,
        WRITE_TARGET_DATA_FILE_SIZE_BYTES: 1,
        OPTIMIZE_MIN_DATA_FILE_SIZE_BYTES: 0,
        OPTIMIZE_DATA_FILE_THRESHOLD: 1,
    }
)
_DEFAULTS: Mapping[str, int] = MappingProxyType(
    {
        VACUUM_MAX_SNAPSHOT_AGE_SECONDS: 432_000,
        VACUUM_MIN_SNAPSHOTS_TO_KEEP: 1,
        VACUUM_MAX_METADATA_FILES_TO_KEEP: 100,
        WRITE_TARGET_DATA_FILE_SIZE_BYTES: _TARGET_BYTES,
        OPTIMIZE_DATA_FILE_THRESHOLD: 5,
    }
)


def checked_changes(changes: Mapping[str, str], removals: Sequence[str]) -> dict[str, str]:
    """What is to be set, with what PyIceberg calls one of them.

    Raises ValidationError where a property is not one of those above, or its value no number that
    it can have.
    """
    for name in (*changes, *removals):
        if name not in _LEAST:
            raise ValidationError(
                f"the table property {name[:64]!r} cannot be changed: use one of {sorted(_LEAST)}"
            )
    for name, value in changes.items():
        _number(name, value)
    kept = changes.get(VACUUM_MAX_METADATA_FILES_TO_KEEP)
    if kept is None and VACUUM_MAX_METADATA_FILES_TO_KEEP in removals:
        kept = str(_DEFAULTS[VACUUM_MAX_METADATA_FILES_TO_KEEP])
    more = {} if kept is None else {TableProperties.METADATA_PREVIOUS_VERSIONS_MAX: kept}
    return {**changes, **more}


def property_value(table: Table, name: str) -> int:
    """The value of one of the properties above, or its default.

    Raises ValidationError where another program has set one that is no number.
    """
    text = table.properties.get(name)
    if text is not None:
        return _number(name, text)
    if name == OPTIMIZE_MIN_DATA_FILE_SIZE_BYTES:
        return property_value(table, WRITE_TARGET_DATA_FILE_SIZE_BYTES) * 3 // 4
    return _DEFAULTS[name]


def _number(name: str, text: str) -> int:
    if text.isascii() and text.isdecimal() and len(text) < 19 and int(text) >= _LEAST[name]:
        return int(text)
    raise ValidationError(
        f"the table property {name!r} is {text[:64]!r}: give it a whole number, at least"
        f" {_LEAST[name]}"
    )
