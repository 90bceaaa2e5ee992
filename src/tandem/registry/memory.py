"""A registry in memory: the plain reading of the contract, for tests and for trying things.

Nothing survives the process. One lock makes each call atomic.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from tandem.errors import StoreUnavailable
from tandem.model.feature_group import FeatureGroup
from tandem.model.history import DataFile, Manifest
from tandem.registry.advance import (
    check_positions,
    check_sequences,
    delivery_conflict,
    manifest_conflict,
    path_conflict,
)
from tandem.registry.base import DeliveryState, Registry
from tandem.registry.definitions import (
    by_name,
    group_id_taken,
    group_not_found,
    name_taken,
    revision_conflict,
)


class MemoryRegistry(Registry):
    """Feature groups and manifests in dictionaries."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._groups: dict[str, FeatureGroup] = {}
        self._manifests: dict[str, Manifest] = {}
        self._deliveries: dict[int, DeliveryState] = {}
        self._is_closed = False

    def add(self, group: FeatureGroup) -> None:
        with self._open():
            if self._is_name_taken(group):
                raise name_taken(group)
            if group.group_id in self._groups:
                raise group_id_taken(group)
            self._groups[group.group_id] = group

    def find(self, name: str) -> FeatureGroup | None:
        with self._open():
            return self._live(name)

    def get(self, group_id: str) -> FeatureGroup | None:
        with self._open():
            return self._groups.get(group_id)

    def replace(self, group: FeatureGroup) -> None:
        with self._open():
            stored = self._groups.get(group.group_id)
            if stored is None:
                raise group_not_found(group)
            if group.revision != stored.revision + 1:
                raise revision_conflict(group, stored.revision)
            if self._is_name_taken(group, but_for=group.group_id):
                raise name_taken(group)
            self._groups[group.group_id] = group

    def groups(self, *, deleted: bool = False) -> Sequence[FeatureGroup]:
        with self._open():
            return by_name(
                group
                for group in self._groups.values()
                if (group.deleted_at_us is not None) == deleted
            )

    def manifest(self, group_id: str) -> Manifest:
        with self._open():
            return self._manifests.get(group_id, Manifest(group_id=group_id))

    def advance(
        self,
        group_id: str,
        files: Sequence[DataFile],
        expected: Mapping[int, int],
        delivered: Mapping[int, int],
    ) -> None:
        check_positions(expected, delivered)
        with self._open():
            manifest = self._manifests.get(group_id, Manifest(group_id=group_id))
            for partition, position in expected.items():
                if manifest.delivered_through(partition) != position:
                    raise manifest_conflict(group_id, partition, position)
            check_sequences(
                group_id, files, max((file.sequence for file in manifest.files), default=0)
            )
            merged = (*manifest.files, *sorted(files, key=lambda file: file.sequence))
            if len({file.path for file in merged}) < len(merged):
                raise path_conflict(group_id)
            self._manifests[group_id] = replace(
                manifest, files=merged, delivered={**manifest.delivered, **delivered}
            )

    def delivery(self, partition: int) -> DeliveryState:
        with self._open():
            return self._deliveries.get(partition, DeliveryState())

    def set_delivery(self, partition: int, expected: DeliveryState, new: DeliveryState) -> None:
        with self._open():
            if self._deliveries.get(partition, DeliveryState()) != expected:
                raise delivery_conflict(partition)
            self._deliveries[partition] = new

    def close(self) -> None:
        with self._lock:
            self._is_closed = True

    def _live(self, name: str) -> FeatureGroup | None:
        for group in self._groups.values():
            if group.name == name and group.deleted_at_us is None:
                return group
        return None

    def _is_name_taken(self, group: FeatureGroup, *, but_for: str | None = None) -> bool:
        if group.deleted_at_us is not None:
            return False
        holder = self._live(group.name)
        return holder is not None and holder.group_id != but_for

    @contextmanager
    def _open(self) -> Iterator[None]:
        with self._lock:
            if self._is_closed:
                raise StoreUnavailable("the registry is closed")
            yield
