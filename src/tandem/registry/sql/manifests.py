"""Manifests and the state of delivery in SQL.

Every move is a compare-and-set that the database decides: an UPDATE whose WHERE clause holds the
expected state, or an INSERT where nothing stood yet, which a primary key lets only one caller win.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from tandem.model.history import DataFile, Manifest
from tandem.registry.advance import (
    check_positions,
    check_sequences,
    delivery_conflict,
    manifest_conflict,
    path_conflict,
)
from tandem.registry.base import DeliveryState, LateGroup, ManifestRegistry
from tandem.registry.sql.database import Database
from tandem.registry.sql.tables import delivered_positions, deliveries, history_files

_late = msgspec.json.Decoder(dict[str, LateGroup])


class SqlManifestRegistry(ManifestRegistry):
    """The part of the registry that keeps manifests and delivery states."""

    _database: Database

    def manifest(self, group_id: str) -> Manifest:
        # One transaction, one moment: files and positions belong together.
        with self._database.read() as connection:
            files = connection.execute(_files_of(group_id)).all()
            positions = connection.execute(
                select(delivered_positions.c.log_partition, delivered_positions.c.position).where(
                    delivered_positions.c.group_id == group_id
                )
            ).all()
        return Manifest(
            group_id=group_id,
            files=tuple(
                DataFile(
                    path=file.path,
                    sequence=file.sequence,
                    rows=file.row_count,
                    size_bytes=file.size_bytes,
                    event_seconds_min=file.event_seconds_min,
                    event_seconds_max=file.event_seconds_max,
                )
                for file in files
            ),
            delivered={row.log_partition: row.position for row in positions},
        )

    def advance(
        self,
        group_id: str,
        files: Sequence[DataFile],
        expected: Mapping[int, int],
        delivered: Mapping[int, int],
    ) -> None:
        check_positions(expected, delivered)
        with self._database.write() as connection:
            for partition, position in expected.items():
                _move_position(connection, group_id, partition, position, delivered[partition])
            _add_files(connection, group_id, files)

    def delivery(self, partition: int) -> DeliveryState:
        with self._database.read() as connection:
            found = connection.execute(
                select(deliveries.c.delivered, deliveries.c.intent, deliveries.c.late).where(
                    deliveries.c.log_partition == partition
                )
            ).one_or_none()
        if found is None:
            return DeliveryState()
        return DeliveryState(found.delivered, found.intent, _late.decode(found.late))

    def set_delivery(self, partition: int, expected: DeliveryState, new: DeliveryState) -> None:
        stands_at_expected = (
            (deliveries.c.log_partition == partition)
            & (deliveries.c.delivered == expected.delivered)
            & deliveries.c.intent.is_not_distinct_from(expected.intent)
            & (deliveries.c.late == _late_json(expected))
        )
        values = {"delivered": new.delivered, "intent": new.intent, "late": _late_json(new)}
        with self._database.write() as connection:
            moved = connection.execute(update(deliveries).where(stands_at_expected).values(values))
            if moved.rowcount:
                return
            if expected != DeliveryState():
                raise delivery_conflict(partition)
            try:
                connection.execute(insert(deliveries).values(log_partition=partition, **values))
            except IntegrityError:
                raise delivery_conflict(partition) from None


def _late_json(state: DeliveryState) -> str:
    """Late groups as text; the same ones are the same text, which is what is compared."""
    return msgspec.json.encode(dict(state.late), order="sorted").decode()


def _files_of(group_id: str) -> Select[Any]:
    return (
        select(history_files)
        .where(history_files.c.group_id == group_id)
        .order_by(history_files.c.sequence)
    )


def _move_position(
    connection: Connection, group_id: str, partition: int, expected: int, delivered: int
) -> None:
    columns = delivered_positions.c
    moved = connection.execute(
        update(delivered_positions)
        .where(
            columns.group_id == group_id,
            columns.log_partition == partition,
            columns.position == expected,
        )
        .values(position=delivered)
    )
    if moved.rowcount:
        return
    if expected != 0:
        raise manifest_conflict(group_id, partition, expected)
    try:
        connection.execute(
            insert(delivered_positions).values(
                group_id=group_id, log_partition=partition, position=delivered
            )
        )
    except IntegrityError:
        raise manifest_conflict(group_id, partition, expected) from None


def _add_files(connection: Connection, group_id: str, files: Sequence[DataFile]) -> None:
    if not files:
        return
    sequence_max = connection.scalar(
        select(func.max(history_files.c.sequence)).where(history_files.c.group_id == group_id)
    )
    check_sequences(group_id, files, sequence_max or 0)
    try:
        connection.execute(
            insert(history_files),
            [
                {
                    "group_id": group_id,
                    "sequence": file.sequence,
                    "path": file.path,
                    "row_count": file.rows,
                    "size_bytes": file.size_bytes,
                    "event_seconds_min": file.event_seconds_min,
                    "event_seconds_max": file.event_seconds_max,
                }
                for file in files
            ],
        )
    except IntegrityError:
        raise path_conflict(group_id) from None
