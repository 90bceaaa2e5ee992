"""A running core: the services over the backends that the settings name, and their workers.

A process opens each data folder once: `open_core` gives every caller the same core and counts them,
so that a notebook cell may connect again and again.
"""

import atexit
import os
import threading
from collections.abc import Callable
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

from tandem.assembly import backends
from tandem.assembly.access_keys import access_keys, store_key
from tandem.assembly.batch_loads import batch_loads
from tandem.assembly.clone_lock import CloneLock
from tandem.assembly.presence import Presence
from tandem.assembly.settings import Settings
from tandem.assembly.token_key import token_key
from tandem.assembly.workers import Lease, Task, Workers
from tandem.offline.datasets import DatasetFolders
from tandem.offline.objects import ObjectStore
from tandem.registry.base import Registry
from tandem.service.access_keys import AccessKeys
from tandem.service.adoption import Adoption, AdoptionParts
from tandem.service.aliases import Aliases
from tandem.service.athena import Athena, AthenaParts
from tandem.service.athena.executions import ExecutionLimits
from tandem.service.batch_get import BatchGet
from tandem.service.batch_loads.batch_loads import BatchLoads
from tandem.service.catalog import Catalog
from tandem.service.clock import Clock, system_clock
from tandem.service.cloning import Cloning
from tandem.service.datasets import Datasets
from tandem.service.definitions import Definitions
from tandem.service.delivery import Delivery
from tandem.service.delivery_log import DeliveryLimits
from tandem.service.expiry import Expiry
from tandem.service.feature_group_updates import FeatureGroupUpdates
from tandem.service.feature_groups import FeatureGroups
from tandem.service.feature_vectors import FeatureVectors
from tandem.service.group_commit import GroupCommit
from tandem.service.history_files import HistoryFileLists
from tandem.service.history_tables import HistoryTables
from tandem.service.iceberg_tables import IcebergTables
from tandem.service.ingestion import Ingestion
from tandem.service.placement import Account
from tandem.service.queries import Queries
from tandem.service.records import Records
from tandem.service.role_sessions import RoleSessions
from tandem.service.roles import Roles
from tandem.service.search import Search
from tandem.service.sql import Sql
from tandem.service.streams import Streams
from tandem.service.throughput import Throughput
from tandem.service.usage import Usage, UsageParts

_TAKE_OVER_SECONDS = 2.0
"""How long a load waits whose process is gone, beside the second in which the lease is taken."""


class Core:
    """The services of one store. Closing it stops its threads; a crash instead loses nothing."""

    def __init__(
        self, settings: Settings, clock: Clock = system_clock, *, in_background: bool = True
    ) -> None:
        """Without `in_background`, delivery and expiry run only when they are called."""
        _make_folder(settings.data)
        self.settings = settings
        self._objects: ObjectStore | None = None
        self._opening_objects = threading.Lock()
        self.token_key = token_key(settings.data)
        with ExitStack() as opened:
            self._open(settings, clock, opened)
            if in_background:
                # At once, too: a process that ends within the interval of the task sees them ended.
                self.fail_interrupted_clones()
                self.athena.end_interrupted()
            tasks = self._tasks() if in_background else []
            self._workers = Workers(Lease(_lease_path(settings)), tasks)
            # Closed in the opposite order; a failure on the way here closes what is open.
            opened.callback(self._workers.close)
            opened.callback(self.commits.close)
            opened.callback(self.cloning.close)
            opened.callback(self.batch_loads.close)
            self._opened = opened.pop_all()

    def _open(self, settings: Settings, clock: Clock, opened: ExitStack) -> None:
        registry = backends.registry(settings)
        opened.callback(registry.close)
        opened.callback(self._close_objects)
        self.online = backends.online_store(settings)
        opened.callback(self.online.close)
        engine = backends.query_engine(settings)
        opened.callback(engine.close)
        self._engine = engine
        self.offline = backends.offline_store(settings, registry)
        account = Account(settings.account_id, settings.region)
        definitions = self._definitions = Definitions(registry)
        self.groups = FeatureGroups(registry, definitions, self.offline, clock, account)
        self.updates = FeatureGroupUpdates(self.groups, clock)
        self.search = Search(definitions.live, account)
        self.aliases = Aliases(registry, definitions)
        self.roles = Roles(registry, clock)
        self.role_sessions = RoleSessions(self.roles, account, store_key(settings), clock)
        self._registry, self._clock = registry, clock
        histories = HistoryTables(registry, registry, definitions, self.offline, clock)
        self.catalog = Catalog(registry, histories, clock)
        self.commits = GroupCommit(self.online, clock)
        throughput = self._open_throughput(registry, clock, opened)
        self.records = Records(self.groups, self.online, self.commits, throughput, clock)
        self.batch_get = BatchGet(self.groups, self.online, throughput, clock)
        self.feature_vectors = FeatureVectors(self.groups, self.online, throughput, clock)
        self._clone_lock = CloneLock(settings.data / "clones.lock")
        self.cloning = Cloning(
            self.groups, self.records, self.online, self.offline, clock, self._clone_lock.shared
        )
        self.ingestion = Ingestion(self.groups, self.online, self.commits, throughput, clock)
        self.streams = Streams(
            self.groups, self.records, self.online, self.commits, throughput, clock
        )
        opened.callback(self.streams.close)
        self.queries = Queries(self.online, self.offline, definitions, engine, clock)
        self.datasets = Datasets(
            self.groups,
            self.queries,
            engine,
            DatasetFolders(settings.data / "datasets"),
            clock,
            scratch=backends.scratch_folder(settings),
            made_by=version("tandem-feature-store"),
        )
        limits = DeliveryLimits(settings.delivery_entries_max, settings.delivery_bytes_max)
        self.delivery = Delivery(self.online, self.offline, registry, registry, limits, clock)
        self.delivery.check()
        self.iceberg_tables = IcebergTables(self.offline, self.delivery)
        self.expiry = Expiry(self.online, definitions, clock)
        self._open_athena(registry, clock, opened)
        self._open_files(registry, clock)

    def _open_throughput(self, registry: Registry, clock: Clock, opened: ExitStack) -> Throughput:
        buckets = backends.buckets(self.settings, clock)
        throughput = Throughput(self._definitions.of_id, buckets)
        parts = UsageParts(
            throughput=throughput,
            buckets=buckets,
            registry=registry,
            groups=self.groups,
            definitions=self._definitions,
            online=self.online,
            offline=self.offline,
            clock=clock,
        )
        self.usage = Usage(parts)
        opened.callback(self.usage.close)
        return throughput

    def _open_athena(self, registry: Registry, clock: Clock, opened: ExitStack) -> None:
        self._presence = Presence(self.settings.data / "processes")
        opened.callback(self._presence.close)
        parts = AthenaParts(
            registry=registry,
            catalog=self.catalog,
            queries=self.queries,
            iceberg=self.iceberg_tables,
            engine=self._engine,
            objects=self._lake_objects,
            clock=clock,
        )
        limits = ExecutionLimits(
            at_once=self.settings.athena_queries_at_once,
            seconds_max=self.settings.athena_query_seconds_max,
            kept_max=self.settings.athena_executions_max,
            memory_bytes=self.settings.query_memory_bytes,
        )
        self.athena = Athena(parts, self._presence, limits)
        opened.callback(self.athena.close)
        self.sql = Sql(self.queries, self.athena)

    def _open_files(self, registry: Registry, clock: Clock) -> None:
        """What deals in files of others: put into histories by them, or loaded for them."""
        parts = AdoptionParts(
            groups=self.groups,
            definitions=self._definitions,
            offline=self.offline,
            delivery=self.delivery,
            ingestion=self.ingestion,
            store=self.online,
            commits=self.commits,
            registry=registry,
            clock=clock,
        )
        self.history_files = HistoryFileLists(self.groups, self.offline, self.delivery)
        self.adoption = Adoption(parts, self.settings.adoption_still_seconds)
        self.batch_loads: BatchLoads = batch_loads(
            self.settings,
            registry,
            self._lake_objects,
            self.groups,
            self.ingestion,
            self._presence,
            clock,
        )

    def _tasks(self) -> list[Task]:
        settings, delivery = self.settings, self.delivery
        return [
            Task(
                "delivery",
                delivery.deliver_full_ranges,
                settings.delivery_interval_seconds,
                delivery.has_full_range,
            ),
            Task("adoption", self.adoption.adopt_everywhere, settings.adoption_interval_seconds),
            Task("expiry", self.expiry.expire_once, settings.expiry_interval_seconds),
            Task("clones", self.fail_interrupted_clones, settings.expiry_interval_seconds),
            Task("queries", self.athena.end_interrupted, settings.expiry_interval_seconds),
            Task(
                "batch-loads",
                self.batch_loads.resume_abandoned,
                min(_TAKE_OVER_SECONDS, settings.expiry_interval_seconds),
            ),
        ]

    def fail_interrupted_clones(self) -> int:
        """Ends clones whose process ended; returns how many."""
        with self._clone_lock.alone() as is_none_made:
            return self.cloning.fail_interrupted() if is_none_made else 0

    def open_access_keys(self) -> AccessKeys:
        """The keys that may sign requests. Raises ValidationError where the settings' cannot be
        used.
        """
        return access_keys(self.settings, self._registry, self._clock)

    def open_objects(self) -> ObjectStore | None:
        """The objects that S3 requests are answered from; None where the gateway is off."""
        return self._lake_objects() if self.settings.s3_gateway else None

    def _lake_objects(self) -> ObjectStore:
        """The objects of the data folder, opened at the first call."""
        with self._opening_objects:
            if self._objects is None:
                definitions = self._definitions
                self._objects = backends.object_store(
                    self.settings, definitions.live, definitions.deleted
                )
            return self._objects

    def _close_objects(self) -> None:
        if self._objects is not None:
            self._objects.close()

    def interrupt(self) -> None:
        """Gives up queries and clones that are under way; they fail, and so do later ones."""
        self.athena.interrupt()
        self._engine.close()
        self.cloning.close()

    def close(self) -> None:
        """Commits what is waiting and stops. What is not delivered yet stays in the log."""
        self._opened.close()

    def abandon(self) -> None:
        """For a child after a fork: lets go of what the parent goes on to use."""
        self._workers.abandon()
        self._presence.abandon()


def _make_folder(folder: Path) -> None:
    """Makes `folder` and its parents, so that their names survive a power cut too."""
    for path in [*reversed(folder.parents), folder]:
        if not path.exists():
            path.mkdir(exist_ok=True)
            descriptor = os.open(path.parent, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)


def _lease_path(settings: Settings) -> Path | None:
    # A store in memory belongs to its process alone.
    return None if settings.online_store == "memory" else settings.data / "workers.lock"


_open_cores: dict[Path, tuple[Core, int]] = {}
_opening = threading.Lock()


def open_core(settings: Settings, *, in_background: bool = True) -> tuple[Core, Callable[[], None]]:
    """The core of a data folder, and the function that gives it back.

    A folder that this process has open already is shared, as it was opened.
    """
    folder = settings.data.resolve()
    with _opening:
        core, users = _open_cores.get(folder, (None, 0))
        if core is None:
            core = Core(settings, in_background=in_background)
        _open_cores[folder] = (core, users + 1)
    return core, _once(lambda: _give_back(folder))


def _give_back(folder: Path) -> None:
    with _opening:
        if folder not in _open_cores:
            return  # the program is ending
        core, users = _open_cores.pop(folder)
        if users > 1:
            _open_cores[folder] = (core, users - 1)
        else:
            core.close()


@atexit.register
def _close_all() -> None:
    """A program that ends without closing its stores still ends their threads in order."""
    with _opening, ExitStack() as closing:
        while _open_cores:
            _, (core, _users) = _open_cores.popitem()
            closing.callback(core.close)


def _abandon_all() -> None:
    """A child after a fork has none of the threads: it must connect again."""
    for core, _users in _open_cores.values():
        core.abandon()
    _open_cores.clear()


os.register_at_fork(after_in_child=_abandon_all)


def _once(action: Callable[[], None]) -> Callable[[], None]:
    actions = [action]

    def run() -> None:
        if actions:
            actions.pop()()

    return run
