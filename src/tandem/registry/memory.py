"""A registry in memory: the plain reading of the contract, for tests and for trying things.

Nothing survives the process. One lock makes each call atomic.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from tandem.errors import StoreUnavailable
from tandem.model.feature_group import FeatureGroup
from tandem.model.history import DataFile, Manifest
from tandem.model.usage import Period, UsageCounts, UsageRow
from tandem.registry.advance import (
    check_positions,
    check_sequences,
    delivery_conflict,
    manifest_conflict,
    path_conflict,
)
from tandem.registry.base import Changes, DeliveryState, Document, Registry, Stamp
from tandem.registry.definitions import (
    alias_is_group,
    alias_not_found,
    alias_target_not_found,
    by_name,
    catalog_table,
    document_conflict,
    group_has_aliases,
    group_id_taken,
    group_not_found,
    name_is_alias,
    name_taken,
    revision_conflict,
    table_taken,
)


class MemoryRegistry(Registry):
    """Feature groups, manifests, documents and usage in dictionaries."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._groups: dict[str, FeatureGroup] = {}
        self._version = 0
        self.stamp = _MemoryStamp(lambda: self._version)
        self._changed_at: dict[str, int] = {}
        self._aliases: dict[str, str] = {}
        self._documents: dict[str, dict[str, Document]] = {}
        self._manifests: dict[str, Manifest] = {}
        self._deliveries: dict[int, DeliveryState] = {}
        self._usage: dict[Period, dict[tuple[int, str], UsageRow]] = {
            period: {} for period in Period
        }
        self._is_closed = False

    def add(self, group: FeatureGroup, *, is_table_new: bool = False) -> None:
        with self._open():
            if self._is_name_taken(group):
                raise name_taken(group)
            if group.group_id in self._groups:
                raise group_id_taken(group)
            if group.name in self._aliases:
                raise name_is_alias(group.name)
            if is_table_new and self._is_table_taken(group):
                raise table_taken(group)
            self._keep(group)

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
            if group.deleted_at_us is not None and group.name in self._aliases.values():
                raise group_has_aliases(group, self._aliases_of(group.name))
            self._keep(group)

    def groups(self, *, deleted: bool = False) -> Sequence[FeatureGroup]:
        with self._open():
            return by_name(
                group
                for group in self._groups.values()
                if (group.deleted_at_us is not None) == deleted
            )

    def changes(self, after: int) -> Changes:
        with self._open():
            if self._version == after:
                return Changes(after, (), None)
            changed = [
                group
                for group_id, group in self._groups.items()
                if self._changed_at[group_id] > after
            ]
            return Changes(self._version, by_name(changed), dict(self._aliases))

    def set_alias(self, alias: str, group_name: str | None) -> None:
        with self._open():
            if group_name is None:
                if alias not in self._aliases:
                    raise alias_not_found(alias)
                del self._aliases[alias]
            else:
                if self._live(alias) is not None:
                    raise alias_is_group(alias)
                if self._live(group_name) is None:
                    raise alias_target_not_found(group_name)
                self._aliases[alias] = group_name
            self._version += 1

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

    def document(self, kind: str, name: str) -> Document | None:
        with self._open():
            return self._documents.get(kind, {}).get(name)

    def documents(self, kind: str) -> Mapping[str, Document]:
        with self._open():
            return dict(sorted(self._documents.get(kind, {}).items()))

    def put_document(self, kind: str, name: str, content: str, expected: int) -> None:
        with self._open():
            self._check_revision(kind, name, expected)
            self._documents.setdefault(kind, {})[name] = Document(content, expected + 1)

    def remove_document(self, kind: str, name: str, expected: int) -> None:
        with self._open():
            self._check_revision(kind, name, expected)
            if expected:
                del self._documents[kind][name]

    def add_usage(self, minutes: Sequence[UsageRow]) -> None:
        with self._open():
            for added in minutes:
                minute = self._add_usage(Period.MINUTE, added)
                hour = self._add_usage(Period.HOUR, added)
                for period, row in ((Period.MINUTE, minute), (Period.HOUR, hour)):
                    peaks = row.peaks.with_minute(minute.counts)
                    self._usage[period][row.start_s, row.group_id] = row._replace(peaks=peaks)

    def usage(
        self, period: Period, since_s: int, until_s: int, group_id: str | None = None
    ) -> Sequence[UsageRow]:
        with self._open():
            return [
                row
                for _, row in sorted(self._usage[period].items())
                if since_s <= row.start_s < until_s and group_id in (None, row.group_id)
            ]

    def trim_usage(self, period: Period, before_s: int) -> None:
        with self._open():
            kept = {key: row for key, row in self._usage[period].items() if key[0] >= before_s}
            self._usage[period] = kept

    def close(self) -> None:
        with self._lock:
            self._is_closed = True

    def _add_usage(self, period: Period, added: UsageRow) -> UsageRow:
        start_s = period.start(added.start_s)
        empty = UsageRow(added.group_id, start_s, UsageCounts())
        row = self._usage[period].get((start_s, added.group_id), empty)
        return row._replace(counts=row.counts.plus(added.counts))

    def _keep(self, group: FeatureGroup) -> None:
        self._groups[group.group_id] = group
        self._changed_at[group.group_id] = self._version + 1
        self._version += 1

    def _aliases_of(self, group_name: str) -> list[str]:
        return [alias for alias, name in self._aliases.items() if name == group_name]

    def _check_revision(self, kind: str, name: str, expected: int) -> None:
        stored = self._documents.get(kind, {}).get(name)
        if (stored.revision if stored is not None else 0) != expected:
            raise document_conflict(kind, name, expected)

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

    def _is_table_taken(self, group: FeatureGroup) -> bool:
        table = catalog_table(group)
        return table is not None and table in map(catalog_table, self._groups.values())

    @contextmanager
    def _open(self) -> Iterator[None]:
        with self._lock:
            if self._is_closed:
                raise StoreUnavailable("the registry is closed")
            yield


class _MemoryStamp(Stamp):
    def __init__(self, version: Callable[[], int]) -> None:
        self._version = version

    def read(self) -> int:
        return self._version()
