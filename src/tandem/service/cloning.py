"""Cloning: a new feature group with the records and the history of another, in other types.

AWS cannot change a feature's type. A clone can: it has the same features in the types asked for,
and is filled from the log of the source, so nothing is guessed from history's columns.

    1. the clone is created in status Creating: nobody reads or writes it yet
    2. it is filled (`tandem.service.copying`)
    3. its status becomes Created

* There is never a clone that holds a part. One that cannot be completed, since a value does not fit
  its new type or a store fails, is deleted. One whose process ended becomes CreateFailed.
* Rows of a clone have their own write time, since that is when the store came to know them.
* Whatever is written to the source once the clone is Created is not in it: stop the writers, or let
  them write to both.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from tandem.errors import (
    ConflictError,
    ResourceNotFound,
    StoreUnavailable,
    TandemError,
    ValidationError,
)
from tandem.model.conversion import Conversion
from tandem.model.feature_group import (
    FeatureGroup,
    FeatureGroupStatus,
    FeatureType,
    OfflineStoreConfig,
    OnlineStoreConfig,
    StorageType,
    TableFormat,
    feature_names,
)
from tandem.model.targets import TargetStores
from tandem.model.write import Write
from tandem.offline.base import OfflineStore
from tandem.online.base import OnlineStore
from tandem.service.clock import Clock
from tandem.service.copying import Copied, Copying
from tandem.service.feature_groups import FeatureGroups
from tandem.service.group_creation import NewFeatureGroup
from tandem.service.group_listing import GroupFilter
from tandem.service.records import Records

_REASON_LENGTH_MAX = 1_024
_INTERRUPTED = (
    "The process that made this clone ended before it was complete: delete the feature group, and"
    " clone again"
)


@dataclass(frozen=True, kw_only=True)
class CloneRequest:
    """What a clone is of, and how it differs. None keeps what the source has.

    source        the group (or alias) to clone; its retired features are left out
    target        the name of the new group
    types         the new type by feature name
    table_format  of its history
    storage_type  of its online store
    """

    source: str
    target: str
    types: Mapping[str, FeatureType] = field(default_factory=dict)
    table_format: TableFormat | None = None
    storage_type: StorageType | None = None


@dataclass(frozen=True, slots=True)
class Clone:
    """A finished clone, and how many rows of history and online records (tombstones too) it took
    over.
    """

    group: FeatureGroup
    rows: int
    records: int


class Cloning:
    """Makes clones, in the threads of its callers.

    making  a context that others can see to be open while a clone is being made, however this
            process ends; whoever sees none open may call `fail_interrupted`
    """

    def __init__(
        self,
        groups: FeatureGroups,
        records: Records,
        store: OnlineStore,
        offline: OfflineStore,
        clock: Clock,
        making: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self._groups = groups
        self._records = records
        self._store = store
        self._offline = offline
        self._clock = clock
        self._making = making
        self._running = 0
        self._is_closed = False
        self._changed = threading.Condition()

    def clone(self, request: CloneRequest) -> Clone:
        """Makes the clone and fills it. Raises ResourceNotFound, ResourceInUse (the target's name
        is taken), ValidationError (a definition or a value that does not fit), and ConflictError
        where source or clone are changed or deleted meanwhile.
        """
        with self._counted(), self._making():
            source = self._groups.find_for_reading(request.source).for_readers
            target = self._groups.create(_definition(source, request), FeatureGroupStatus.CREATING)
            try:
                copied = self._copy(source, target)
                self._check_source(source)
                created = self._change(target, status=FeatureGroupStatus.CREATED)
            except BaseException as error:
                self._give_up(target, error)
                raise
        return Clone(created, copied.rows, copied.records)

    def fail_interrupted(self) -> int:
        """Ends clones that no process goes on to make; returns how many. Only for a caller who sees
        that none is being made anywhere, and that none begins meanwhile.
        """
        interrupted = self._groups.list(GroupFilter(status=FeatureGroupStatus.CREATING))
        for group in interrupted:
            self._change(
                group, status=FeatureGroupStatus.CREATE_FAILED, failure_reason=_INTERRUPTED
            )
        return len(interrupted)

    def close(self) -> None:
        """Gives up the clones that are being made, and waits until they are."""
        with self._changed:
            self._is_closed = True
            self._changed.wait_for(lambda: not self._running)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._changed:
            self._check_open()
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _check_open(self) -> None:
        if self._is_closed:
            raise StoreUnavailable("the store is closed: connect again, and clone again")

    def _copy(self, source: FeatureGroup, target: FeatureGroup) -> Copied:
        conversion = Conversion(source, target)
        copying = Copying(conversion, self._commit, self._store, self._offline, self._clock)
        return copying.run()

    def _commit(self, writes: Sequence[Write]) -> None:
        self._check_open()
        # A clone is made by the store itself: nobody asked for these writes one by one.
        for error in self._records.commit(writes, is_metered=False).result():
            if error is not None:
                raise error

    def _check_source(self, source: FeatureGroup) -> None:
        """Raises ConflictError where what the source has now is more than what was copied."""
        now = self._groups.latest(source)
        if now.deleted_at_us is not None:
            raise ConflictError(f"feature group {source.name!r} was deleted while it was cloned")
        names = set(feature_names(source.features))
        if added := [name for name in feature_names(now.current_features) if name not in names]:
            raise ConflictError(
                f"feature group {source.name!r} got the features {added} while it was cloned:"
                " clone again"
            )

    def _give_up(self, target: FeatureGroup, error: BaseException) -> None:
        # Where even this fails, the group stays in status Creating until somebody looks for clones
        # that were interrupted.
        with suppress(TandemError):
            self._change(
                target,
                status=FeatureGroupStatus.DELETING,
                deleted_at_us=self._clock(),
                failure_reason=str(error)[:_REASON_LENGTH_MAX] or type(error).__name__,
            )

    def _change(self, target: FeatureGroup, **changes: Any) -> FeatureGroup:
        """Changes a clone that is being made; raises ConflictError where it is not any more."""
        is_gone = ConflictError(f"feature group {target.name!r} was deleted while it was made")

        def rule(group: FeatureGroup) -> FeatureGroup:
            if (group.group_id, group.status) != (target.group_id, FeatureGroupStatus.CREATING):
                raise is_gone
            return replace(group, **changes)

        try:
            return self._groups.change(target.name, rule)
        except ResourceNotFound:
            raise is_gone from None


def _definition(source: FeatureGroup, request: CloneRequest) -> NewFeatureGroup:
    for name in request.types:
        if name not in source.features_by_name:
            raise ValidationError(
                f"types names {name[:64]!r}, which is not a feature of {source.name!r}"
            )
    return NewFeatureGroup(
        name=request.target,
        record_identifier_name=source.record_identifier_name,
        event_time_name=source.event_time_name,
        features=tuple(
            replace(feature, type=request.types.get(feature.name, feature.type), added_at_us=None)
            for feature in source.features
        ),
        online=_online(source, request),
        offline=_offline(source, request),
        throughput=source.throughput,
        role_arn=source.role_arn,
        description=source.description,
        tags=source.tags,
        metadata={
            name: said for name, said in source.metadata.items() if name in source.features_by_name
        },
    )


def _online(source: FeatureGroup, request: CloneRequest) -> OnlineStoreConfig | None:
    if request.storage_type is None:
        return source.online
    if source.online is None or TargetStores.ONLINE not in source.stores:
        raise ValidationError(
            f"StorageType {request.storage_type} is of no use: feature group {source.name!r} has no"
            " online store"
        )
    return replace(source.online, storage_type=request.storage_type)


def _offline(source: FeatureGroup, request: CloneRequest) -> OfflineStoreConfig | None:
    offline = source.offline
    if offline is None:
        if request.table_format is not None:
            raise ValidationError(
                f"TableFormat {request.table_format} is of no use: feature group {source.name!r}"
                " has no offline store"
            )
        return None
    # A place and a table of its own: those of the source are the source's.
    return replace(
        offline,
        resolved_uri="",
        data_catalog=None,
        table_format=request.table_format or offline.table_format,
    )
