"""Usage: what each feature group was used for, by minute and hour, and what it stores.

* What the processes of a store count comes together in the registry every 5 seconds, and when it is
  asked for. It outlives them; a process that is killed takes its last 5 seconds along.
* Counts belong to the minute in which most of the time lies since they were taken last: those of
  the seconds around a full minute may be the other one's.
* Minutes are kept for a day and hours for 93 days, so there are never more rows of a group.
"""

import logging
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tandem.errors import TandemError, ValidationError
from tandem.model.feature_group import FeatureGroup
from tandem.model.targets import TargetStores
from tandem.model.usage import GroupUsage, Period, UsageRow
from tandem.offline.base import OfflineStore
from tandem.online.base import OnlineStore
from tandem.online.features_json import record_bytes
from tandem.registry.base import UsageRegistry
from tandem.service.clock import Clock
from tandem.service.definitions import Definitions
from tandem.service.feature_groups import FeatureGroups
from tandem.service.throughput import Buckets, Throughput

_INTERVAL_SECONDS = 5
_TRIM_SECONDS = 3_600
_SCAN_RECORDS = 1_000
_log = logging.getLogger("tandem.usage")


@dataclass(frozen=True, slots=True)
class Stored:
    """What a group stores.

    online_bytes    names and values of its newest records, as the limit of a record counts them
    offline_bytes   the files of its history, compressed; what is not delivered yet is not in them
    """

    online_records: int
    online_bytes: int
    offline_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageParts:
    """What usage stands on."""

    throughput: Throughput
    buckets: Buckets
    registry: UsageRegistry
    groups: FeatureGroups
    definitions: Definitions
    online: OnlineStore
    offline: OfflineStore
    clock: Clock


class Usage:
    """Keeps what `throughput` counts, in a thread of its own, until it is closed."""

    def __init__(self, parts: UsageParts) -> None:
        self._throughput = parts.throughput
        self._buckets = parts.buckets
        self._registry = parts.registry
        self._groups = parts.groups
        self._definitions = parts.definitions
        self._online = parts.online
        self._offline = parts.offline
        self._clock = parts.clock
        self._keeping = threading.Lock()
        self._kept_at_us = parts.clock()
        self._process = os.getpid()
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tandem-usage", daemon=True)
        self._thread.start()

    def of(
        self, group_name: str | None, period: Period, since_us: int, until_us: int
    ) -> Sequence[GroupUsage]:
        """What a group, or each, was used for in the periods that hold moments from `since_us` on
        and before `until_us`. Raises ResourceNotFound, and ValidationError for a span that ends
        before it begins.
        """
        if until_us < since_us:
            raise ValidationError(
                f"the span ends ({until_us // 1_000_000}) before it begins"
                f" ({since_us // 1_000_000}), both in seconds since 1970: give an earlier beginning"
            )
        group_id = None if group_name is None else self._groups.describe(group_name).group_id
        self.keep()
        since_s = period.start(since_us // 1_000_000)
        rows = self._registry.usage(period, since_s, -(-until_us // 1_000_000), group_id)
        return [GroupUsage(self._group_name(row.group_id), row) for row in rows]

    def stored(self, group_name: str) -> Stored:
        """What a group stores at the moment. Its records are counted one by one: about a second for
        100,000. Raises ResourceNotFound.
        """
        group = self._groups.describe(group_name)
        records, online_bytes = self._online_size(group)
        return Stored(records, online_bytes, self._offline_size(group))

    def keep(self) -> None:
        """Brings what was counted into the registry. What cannot be brought is counted again."""
        with self._keeping:
            now_us = self._clock()
            moment_s = (self._kept_at_us + now_us) // 2_000_000
            self._kept_at_us = now_us
            counts = self._throughput.take_counts()
            if counts:
                minute_s = Period.MINUTE.start(moment_s)
                rows = [UsageRow(group_id, minute_s, one) for group_id, one in counts.items()]
                try:
                    self._registry.add_usage(rows)
                except BaseException:
                    self._throughput.return_counts(counts)
                    raise

    def trim(self) -> None:
        """Forgets what is too old, and the buckets of deleted groups."""
        now_s = self._clock() // 1_000_000
        for period in Period:
            self._registry.trim_usage(period, now_s - period.kept_seconds)
        self._buckets.keep_only(
            lambda: frozenset(group.group_id for group in self._definitions.live())
        )

    def close(self) -> None:
        """Keeps what was counted last."""
        self._is_closed.set()
        if self._process == os.getpid():
            self._thread.join()
            self._keep_or_log()

    def _group_name(self, group_id: str) -> str:
        group = self._definitions.of_id(group_id)
        assert group is not None  # definitions are kept for ever
        return group.name

    def _run(self) -> None:
        trim_at = time.monotonic() + _TRIM_SECONDS
        # In step with the clock, so that a minute's end is the end of what is counted together.
        while not self._is_closed.wait(_INTERVAL_SECONDS - time.time() % _INTERVAL_SECONDS):
            self._keep_or_log()
            if time.monotonic() > trim_at:
                trim_at = time.monotonic() + _TRIM_SECONDS
                self._guarded_trim()

    def _keep_or_log(self) -> None:
        try:
            self.keep()
        except TandemError as error:
            _log.error("usage could not be kept, will be tried again: %s", error)

    def _guarded_trim(self) -> None:
        try:
            self.trim()
        except (TandemError, OSError) as error:
            _log.error("old usage could not be removed, will be tried again: %s", error)

    def _online_size(self, group: FeatureGroup) -> tuple[int, int]:
        records = size_bytes = 0
        after: str | None = None
        while TargetStores.ONLINE in group.stores:
            page = self._online.scan(group.group_id, after, _SCAN_RECORDS)
            for identifier, record in page:
                after = identifier
                records += not record.is_deleted
                size_bytes += record_bytes(record.features_json)
            if len(page) < _SCAN_RECORDS:
                break
        return records, size_bytes

    def _offline_size(self, group: FeatureGroup) -> int:
        if TargetStores.OFFLINE not in group.stores:
            return 0
        return sum(Path(file).stat().st_size for file in self._offline.snapshot(group).files)
