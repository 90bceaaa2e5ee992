"""One commit of a table: the files of a range, new columns, and the position reached.

Exactly once follows from the position. It is a property of the table, so it changes in the very
version that shows the files. The commit demands that the version it is based on, whichever that
turns out to be, has the position that the delivery began with; the catalog then takes it only if
that version is still the current one. PyIceberg repeats a commit that another one overtook, and
asks the same again for the new base: an append of another log partition, or another program's
work on the table, may come in between, and a stale delivery may not.

A snapshot's summary would not do for the position: it goes when the snapshot expires.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Literal, cast

from pyiceberg.exceptions import CommitFailedException, ValidationException
from pyiceberg.table import Table, Transaction
from pyiceberg.table.metadata import TableMetadata, TableMetadataV1
from pyiceberg.table.snapshots import Snapshot
from pyiceberg.table.update import (
    AssertDefaultSpecId,
    TableRequirement,
    ValidatableTableRequirement,
)
from pyiceberg.utils.datetime import millis_to_datetime

from tandem.errors import DataCorrupted
from tandem.offline.iceberg.data_files import EncodedFile
from tandem.offline.iceberg.file_io import path_of
from tandem.offline.log_range import LogRange

_DELIVERED = "tandem.delivered."

SNAPSHOTS_MAX = 200
"""A commit's time grows with the snapshots there are: 0.05 s more with each 100 of them."""


class PositionMoved(ValidationException):
    """Another delivery has moved the position. PyIceberg neither repeats nor keeps the commit."""


def delivered_positions(table: TableMetadata) -> dict[int, int]:
    """The last position that is delivered, by log partition."""
    try:
        return {
            int(name.removeprefix(_DELIVERED)): int(position)
            for name, position in table.properties.items()
            if name.startswith(_DELIVERED)
        }
    except ValueError as error:
        raise DataCorrupted(
            f"a property {_DELIVERED}<partition> of the Iceberg table in"
            f" {table.location} is not a number ({error}): give it back its value"
        ) from error


def last_sequence_number(table: TableMetadata) -> int:
    """The number of the table's latest change of rows."""
    return 0 if isinstance(table, TableMetadataV1) else table.last_sequence_number


class DeliveryTransaction(Transaction):
    """A transaction on `table` that delivers a range, or nothing where its position moves."""

    def __init__(self, table: Table, delivery: LogRange) -> None:
        super().__init__(table)
        self._delivery = delivery
        self._property = f"{_DELIVERED}{delivery.partition}"
        stands = _StandsAt(
            property_name=self._property, position=table.metadata.properties.get(self._property)
        )
        # Its members are known by the names that they have in JSON.
        partitions = {"default-spec-id": table.metadata.default_spec_id}
        same_partitions = AssertDefaultSpecId.model_validate(partitions)
        self._requirements = (cast("TableRequirement", stands), same_partitions)

    def stage_delivery(self, files: Sequence[EncodedFile]) -> None:
        """Adds the files, in as many snapshots as they have waves, and moves the position."""
        partition, after, last = self._delivery
        self.set_properties({self._property: str(last)})
        summary = {
            "tandem.partition": str(partition),
            "tandem.first-position": str(after + 1),
            "tandem.last-position": str(last),
        }
        for _, wave in groupby(files, key=lambda file: file.wave):
            with self.update_snapshot(snapshot_properties=summary).merge_append() as append:
                for file in wave:
                    append.append_data_file(file.data_file)


class _StandsAt(ValidatableTableRequirement):
    """The property that holds a log partition's position must have this value, or none."""

    type: Literal["tandem-assert-position"] = "tandem-assert-position"
    property_name: str
    position: str | None

    def validate(self, base_metadata: TableMetadata | None) -> None:  # type: ignore[override]
        found = None if base_metadata is None else base_metadata.properties.get(self.property_name)
        if base_metadata is None or found != self.position:
            raise PositionMoved(f"{self.property_name} is {found}, no more {self.position}")


def expire_old_snapshots(table: Table) -> None:
    """Where a table has more than SNAPSHOTS_MAX snapshots, forgets the oldest, about half of them.

    Their metadata files go too. A data file that only they had, since a rewrite replaced it, goes
    with the next vacuum.
    """
    snapshots = sorted(table.metadata.snapshots, key=lambda snapshot: snapshot.timestamp_ms)
    if len(snapshots) <= SNAPSHOTS_MAX:
        return
    oldest_kept = snapshots[-SNAPSHOTS_MAX // 2].timestamp_ms
    kept_by_name = {reference.snapshot_id for reference in table.metadata.refs.values()}
    expired = [
        snapshot
        for snapshot in snapshots
        if snapshot.timestamp_ms < oldest_kept and snapshot.snapshot_id not in kept_by_name
    ]
    if not expired:
        return
    manifests_before = _manifests(table, expired)
    try:
        table.maintenance.expire_snapshots().older_than(millis_to_datetime(oldest_kept)).commit()
    except (CommitFailedException, ValueError):
        return  # another commit came before, or forgot the same ones: the next delivery looks again
    unused = manifests_before - _manifests(table, table.metadata.snapshots)
    for location in [*unused, *(snapshot.manifest_list for snapshot in expired)]:
        path_of(table.io, location).unlink(missing_ok=True)


def _manifests(table: Table, snapshots: Sequence[Snapshot]) -> set[str]:
    """Where the manifests of `snapshots` are."""
    return {
        manifest.manifest_path
        for snapshot in snapshots
        for manifest in snapshot.manifests(table.io)
    }
