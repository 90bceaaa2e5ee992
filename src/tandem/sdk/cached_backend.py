"""A store whose records are read through a cache. See `tandem.sdk.record_cache` for what it keeps.

What this store object writes is forgotten when the call returns or fails, since a call that failed
may have been carried out.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import pyarrow as pa

from tandem.errors import ValidationError
from tandem.model.feature_group import FeatureGroup
from tandem.model.record import FeatureValue, canonical_identifier, canonical_identifiers
from tandem.model.targets import TargetStores
from tandem.model.time_to_live import TtlDuration
from tandem.online.features_json import part_of
from tandem.query.base import SqlDialect
from tandem.sdk.arguments import checked
from tandem.sdk.backend import Backend
from tandem.sdk.record_cache import RecordCache
from tandem.service.ingestion import Ingested, IngestOptions, Progress
from tandem.service.records import DeletionMode, ServedRecord

_Control = TypeVar("_Control")
_QUESTIONS = frozenset({"describe", "search", "aliases", "retired", "history", "positions"})
"""Of the seams whose other calls change definitions or write records."""


class _Definition(NamedTuple):
    """A group as it was seen, and until when that counts: others may make it again with another
    identifier.
    """

    group: FeatureGroup
    end: float


class CachedBackend(Backend):
    def __init__(self, store: Backend, cache: RecordCache) -> None:
        try:
            checked(RecordCache, cache, "record_cache").take()
        except ValidationError:
            store.close()
            raise
        self._store = store
        self._cache = cache
        self._definitions: dict[str, _Definition] = {}
        self.groups = self._watched(store.groups)
        self.features = self._watched(store.features)
        self.files = self._watched(store.files)
        self.streams = self._watched(store.streams)
        # A load writes for as long as it runs: no look at one is a question alone.
        self.batch_loads = self._watched(store.batch_loads)
        self.tags = store.tags
        self.datasets = store.datasets
        self.vectors = store.vectors
        self.usage = store.usage

    def get(
        self, group_name: str, identifiers: Sequence[str], features: Sequence[str]
    ) -> list[ServedRecord | None]:
        group = self._definition(group_name)
        if not group.features_by_name.keys() >= set(features):
            # One may have been added meanwhile; if not, the store says what is wrong.
            self._definitions.pop(group_name, None)
            return self._store.get(group_name, identifiers, features)
        # One record has many identifiers: 7 and 007.
        keys = canonical_identifiers(group, identifiers)
        records: dict[str, ServedRecord | None] = {**self._cache.find(group_name, keys)}
        missing = [key for key in dict.fromkeys(keys) if key not in records]
        if missing:
            with self._cache.reading(group_name) as read:
                found = list(zip(missing, self._store.get(group_name, missing, ()), strict=True))
                read.keep((key, record) for key, record in found if record is not None)
            records.update(found)
        return [_part(records[key], features) for key in keys]

    def put(
        self,
        group_name: str,
        values: Sequence[FeatureValue],
        targets: TargetStores | None,
        ttl: TtlDuration | None,
    ) -> None:
        held = self._definitions.get(group_name)
        named = held.group.record_identifier_name if held else None
        given = [str(value) for name, value in values if name == named]
        with self._writing(group_name, given[0] if given else None):
            self._store.put(group_name, values, targets, ttl)

    def delete_record(
        self,
        group_name: str,
        identifier: str,
        event_time: str,
        mode: DeletionMode,
        targets: TargetStores | None,
    ) -> None:
        with self._writing(group_name, identifier):
            self._store.delete_record(group_name, identifier, event_time, mode, targets)

    def ingest(
        self,
        group_name: str,
        rows: pa.Table | Iterable[pa.Table],
        options: IngestOptions,
        progress: Progress,
    ) -> Ingested:
        with self._writing(group_name, None):
            return self._store.ingest(group_name, rows, options, progress)

    @property
    def buckets(self) -> Path | None:
        return self._store.buckets

    def list_records(self, group_name: str, *, include_soft_deleted: bool = False) -> Iterator[str]:
        return self._store.list_records(group_name, include_soft_deleted=include_soft_deleted)

    def sql(self, statement: str, dialect: SqlDialect = SqlDialect.DUCKDB) -> pa.Table:
        return self._store.sql(statement, dialect)

    def close(self) -> None:
        self._cache.give_back()
        self._store.close()

    def _definition(self, group_name: str) -> FeatureGroup:
        held = self._definitions.get(group_name)
        if held is None or self._cache.is_over(held.end):
            end = self._cache.end()
            held = _Definition(self._store.groups.describe(group_name), end)
            self._definitions[group_name] = held
        return held.group

    @contextmanager
    def _writing(self, group_name: str, identifier: str | None) -> Iterator[None]:
        """Forgets the record when the block ends; without an identifier, all of the group."""
        try:
            yield
        finally:
            held = self._definitions.get(group_name)
            key = None if held is None or identifier is None else _key(held.group, identifier)
            self._cache.forget(group_name, key)

    def _forget_all(self) -> None:
        self._definitions.clear()
        self._cache.clear()

    def _watched(self, control: _Control) -> _Control:
        """`control`, after whose changes everything is forgotten."""
        return cast("_Control", _Watched(control, self._forget_all))


class _Watched:
    """Stands for a seam. A call that is not known as a question counts as a change."""

    def __init__(self, control: object, forget_all: Callable[[], None]) -> None:
        self._control = control
        self._forget_all = forget_all

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._control, name)
        if name in _QUESTIONS:
            return call

        @wraps(call)
        def change(*arguments: Any, **more: Any) -> Any:
            try:
                return call(*arguments, **more)
            finally:
                self._forget_all()

        return change


def _key(group: FeatureGroup, identifier: str) -> str | None:
    try:
        return canonical_identifier(group, identifier)
    except ValidationError:
        return None


def _part(record: ServedRecord | None, features: Sequence[str]) -> ServedRecord | None:
    if record is None or not features:
        return record
    return ServedRecord(part_of(record.features_json, features), record.expires_at_ms)
