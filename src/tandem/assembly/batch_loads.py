"""Batch loads as one: their services, built over what the rest of the core has."""

from collections.abc import Callable
from pathlib import Path

from tandem.assembly.settings import Settings, listed
from tandem.offline.objects import ObjectStore
from tandem.registry.base import DocumentRegistry
from tandem.service.batch_loads.batch_loads import BatchLoads
from tandem.service.batch_loads.documents import LoadDocuments
from tandem.service.batch_loads.execution import LoadExecution
from tandem.service.batch_loads.own_buckets import OwnBuckets
from tandem.service.batch_loads.places import AllowedPlaces, Places
from tandem.service.batch_loads.runner import LoadRunner
from tandem.service.clock import Clock
from tandem.service.feature_groups import FeatureGroups
from tandem.service.ingestion import Ingestion
from tandem.service.presence import Presence


def batch_loads(
    settings: Settings,
    registry: DocumentRegistry,
    objects: Callable[[], ObjectStore],
    groups: FeatureGroups,
    ingestion: Ingestion,
    presence: Presence,
    clock: Clock,
) -> BatchLoads:
    allowed = AllowedPlaces(
        folders=[Path(folder) for folder in listed(settings.batch_load_folders)],
        s3_prefixes=listed(settings.batch_load_s3),
        s3_endpoint=settings.batch_load_s3_endpoint,
    )
    places = Places(OwnBuckets(objects), allowed)
    documents = LoadDocuments(registry, settings.data / "batch-loads", settings.batch_loads_max)
    execution = LoadExecution(groups, ingestion, places)
    runner = LoadRunner(documents, execution, places, clock, settings.batch_loads_at_once)
    return BatchLoads(documents, execution, runner, places, groups, presence, clock)
