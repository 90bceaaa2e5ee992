"""A lake in a folder, with a catalog over a registry in memory."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tandem.offline.memory import MemoryOfflineStore
from tandem.offline.objects import ObjectStore
from tandem.registry.memory import MemoryRegistry
from tandem.service.athena.lake import Lake
from tandem.service.catalog import Catalog
from tandem.service.definitions import Definitions
from tandem.service.history_tables import HistoryTables

BUCKET = "lake"


class Processes:
    """Processes by name; `living` may be changed."""

    def __init__(self, owner: str, living: set[str]) -> None:
        self.owner = owner
        self.living = living

    def is_alive(self, owner: str) -> bool:
        return owner in self.living


def made_bench(folder: Path, clock: Callable[[], int] = lambda: 1) -> Any:
    registry = MemoryRegistry()
    definitions = Definitions(registry)
    histories = HistoryTables(registry, registry, definitions, MemoryOfflineStore(), clock)
    objects = ObjectStore(folder / "s3", folder / "s3.sqlite", definitions.live)
    objects.buckets.create(BUCKET)
    return SimpleNamespace(
        registry=registry,
        catalog=Catalog(registry, histories, clock),
        objects=objects,
        lake=Lake(lambda: objects),
    )
