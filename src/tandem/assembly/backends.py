"""The one table that names backends, and how each is built from the settings.

A setting names a backend by its short name here, or as "module:Class" for one of your own; that
class is called with the same arguments as the built-in ones of its seam.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

from tandem.assembly.settings import Settings
from tandem.errors import ValidationError
from tandem.offline.base import OfflineStore
from tandem.online.base import OnlineStore
from tandem.query.base import QueryEngine
from tandem.registry.base import GroupRegistry, ManifestRegistry

_Seam = TypeVar("_Seam")

_ONLINE_STORES = {
    "lmdb": "tandem.online.lmdb:LmdbOnlineStore",
    "memory": "tandem.online.memory:MemoryOnlineStore",
}
_OFFLINE_STORES = {
    "parquet": "tandem.offline.parquet:ParquetOfflineStore",
    "memory": "tandem.offline.memory:MemoryOfflineStore",
}
_REGISTRIES = {
    "sql": "tandem.registry.sql:SqlRegistry",
    "memory": "tandem.registry.memory:MemoryRegistry",
}
_QUERY_ENGINES = {
    "duckdb": "tandem.query.duckdb:DuckDbEngine",
    "memory": "tandem.query.memory:MemoryQueryEngine",
}


class Registry(GroupRegistry, ManifestRegistry):
    """Both seams of the registry; every backend is both."""


def online_store(settings: Settings) -> OnlineStore:
    backend = _load("online_store", settings.online_store, _ONLINE_STORES)
    if settings.online_store == "memory":
        return _built(OnlineStore, backend)
    return _built(
        OnlineStore,
        backend,
        path=settings.data / "online",
        map_size_bytes=settings.online_map_size_bytes,
    )


def registry(settings: Settings) -> Registry:
    backend = _load("registry", settings.registry, _REGISTRIES)
    arguments = {} if settings.registry == "memory" else {"path": settings.data / "registry.sqlite"}
    built: Registry = backend(**arguments)
    return built


def offline_store(settings: Settings, manifests: ManifestRegistry) -> OfflineStore:
    backend = _load("offline_store", settings.offline_store, _OFFLINE_STORES)
    if settings.offline_store == "memory":
        return _built(OfflineStore, backend)
    return _built(OfflineStore, backend, root=settings.data / "s3", manifests=manifests)


def query_engine(settings: Settings) -> QueryEngine:
    backend = _load("query_engine", settings.query_engine, _QUERY_ENGINES)
    if settings.query_engine == "memory":
        return _built(QueryEngine, backend)
    return _built(
        QueryEngine,
        backend,
        readable=settings.data / "s3",
        scratch=settings.data / "scratch",
        memory_bytes=settings.query_memory_bytes,
    )


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


def _built(seam: type[_Seam], backend: Callable[..., Any], **arguments: Any) -> _Seam:
    store = backend(**arguments)
    assert isinstance(store, seam)
    return store
