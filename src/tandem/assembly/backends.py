"""The one table that names backends, and how each is built from the settings.

A setting names a backend by its short name here, or as "module:Class" for one of your own; that
class is called with the same arguments as the built-in ones of its seam.
"""

from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from tandem.assembly.buckets import BucketFiles, BucketsInMemory
from tandem.assembly.settings import Settings
from tandem.assembly.token_key import store_id
from tandem.errors import ValidationError
from tandem.model.feature_group import FeatureGroup
from tandem.offline.base import OfflineStore
from tandem.offline.by_table_format import OfflineStoreByTableFormat
from tandem.offline.objects import ObjectStore
from tandem.online.base import OnlineStore
from tandem.query.base import QueryEngine
from tandem.registry.base import ManifestRegistry, Registry
from tandem.service.clock import Clock
from tandem.service.throughput import Buckets

_ONLINE_STORES = {
    "lmdb": "tandem.online.lmdb:LmdbOnlineStore",
    "redis": "tandem.online.redis:RedisOnlineStore",
    "memory": "tandem.online.memory:MemoryOnlineStore",
}
_OFFLINE_STORES = {
    "files": "tandem.offline.parquet:ParquetOfflineStore",
    "memory": "tandem.offline.memory:MemoryOfflineStore",
}
_ICEBERG = "tandem.offline.iceberg:IcebergOfflineStore"
"""The part of the backend "files" that keeps groups in Iceberg format; needs the extra."""
_REGISTRIES = {
    "sql": "tandem.registry.sql:SqlRegistry",
    "memory": "tandem.registry.memory:MemoryRegistry",
}
_QUERY_ENGINES = {
    "duckdb": "tandem.query.duckdb:DuckDbEngine",
    "memory": "tandem.query.memory:MemoryQueryEngine",
}


def online_store(settings: Settings) -> OnlineStore:
    if settings.online_store == "redis":
        _check_installed(
            "redis",
            "online_store 'redis' needs the client of Redis",
            "redis",
            "online_store 'lmdb'",
        )
    backend = _load("online_store", settings.online_store, _ONLINE_STORES)
    store: OnlineStore
    if settings.online_store == "memory":
        store = backend()
    elif settings.online_store == "redis":
        store = backend(
            url=settings.redis_url,
            prefix=settings.redis_prefix,
            owner=store_id(settings.data),
            is_trusted=settings.redis_is_trusted,
        )
    else:
        store = backend(
            path=settings.data / "online", map_size_bytes=settings.online_map_size_bytes
        )
    return store


def registry(settings: Settings) -> Registry:
    backend = _load("registry", settings.registry, _REGISTRIES)
    store: Registry = (
        backend()
        if settings.registry == "memory"
        else backend(path=settings.data / "registry.sqlite")
    )
    return store


def offline_store(settings: Settings, manifests: ManifestRegistry) -> OfflineStore:
    backend = _load("offline_store", settings.offline_store, _OFFLINE_STORES)
    store: OfflineStore = (
        backend()
        if settings.offline_store == "memory"
        else backend(root=history_folder(settings), manifests=manifests)
    )
    if settings.offline_store != "files":
        return store
    return OfflineStoreByTableFormat(store, partial(_iceberg, settings))


def _iceberg(settings: Settings) -> OfflineStore:
    _check_installed(
        "pyiceberg.catalog.sql",
        "TableFormat 'Iceberg' needs PyIceberg",
        "iceberg",
        "TableFormat 'Glue'",
    )
    backend = _load("offline_store", _ICEBERG, {})
    store: OfflineStore = backend(
        root=history_folder(settings), catalog=settings.data / "iceberg.sqlite"
    )
    return store


def query_engine(settings: Settings) -> QueryEngine:
    backend = _load("query_engine", settings.query_engine, _QUERY_ENGINES)
    engine: QueryEngine = (
        backend()
        if settings.query_engine == "memory"
        else backend(
            readable=history_folder(settings),
            scratch=scratch_folder(settings),
            memory_bytes=settings.query_memory_bytes,
        )
    )
    return engine


def buckets(settings: Settings, clock: Clock) -> Buckets:
    """The provisioned units of groups."""
    # A store in memory belongs to its process alone.
    if settings.online_store == "memory":
        return BucketsInMemory(clock)
    return BucketFiles(settings.data / "throughput", clock)


def object_store(
    settings: Settings,
    live: Callable[[], Sequence[FeatureGroup]],
    deleted: Callable[[], Sequence[FeatureGroup]],
) -> ObjectStore:
    """The objects of the embedded store."""
    return ObjectStore(history_folder(settings), settings.data / "s3.sqlite", live, deleted)


def history_folder(settings: Settings) -> Path:
    """Where `s3://bucket/key` lies on this machine: `<folder>/bucket/key`."""
    return settings.data / "s3"


def scratch_folder(settings: Settings) -> Path:
    """Where what does not fit the memory goes for a while; made where it is missing."""
    folder = settings.data / "scratch"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _check_installed(module: str, need: str, extra: str, instead: str) -> None:
    try:
        import_module(module)
    except ImportError as error:
        raise ValidationError(
            f"{need}, which is not installed here: run pip install"
            f" 'tandem-feature-store[{extra}]', or use {instead}"
        ) from error


def _load(setting: str, name: str, table: dict[str, str]) -> Callable[..., Any]:
    module_name, colon, class_name = table.get(name, name).partition(":")
    if not colon:
        raise ValidationError(
            f"{setting} {name!r} is not known: use one of {sorted(table)}, or module:Class"
        )
    try:
        found: Callable[..., Any] = getattr(import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise ValidationError(f"{setting} {name!r} cannot be loaded: {error}") from error
    return found
