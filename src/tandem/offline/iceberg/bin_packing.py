"""Which small files of a table become one: neighbours in one partition, up to the target size.

The order of rows decides which of two with one key and one event time counts, so a file may only be
moved before others that cannot hold the same key and time:

* Files of one partition that follow each other can become one file in the place of the first.
* In other partitions nothing meets them. Where tables are partitioned by the day of the write, a
  day's rows are all later than those of the day before. Where they are partitioned by the day in
  the event time's text, that day is the day of the moment, as long as the text has no offset
  from UTC.
* A file that has a text with an offset, or seconds since 1970 as text, may hold moments of any
  partition. It stays, and no files from before it become one with files from behind it.
* Files of one sequence number stay together or apart: their order goes by their names.
"""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from pyiceberg.table import Table
from pyiceberg.transforms import DayTransform, TruncateTransform

from tandem.errors import QueryFailed
from tandem.model.feature_group import FeatureGroup
from tandem.offline.iceberg.file_lists import PlacedFile
from tandem.offline.iceberg.row_copy import column_batches
from tandem.rows.history_rows import WRITE_TIME

_REMEMBERED_FILES_MAX = 100_000
_PLAIN_MOMENT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]00:00)?$"


class EventDays:
    """Which files hold moments of their own partition alone. What was found of a file is kept: no
    file changes. Safe to use from many threads.
    """

    def __init__(self) -> None:
        self._is_plain: dict[str, bool] = {}

    def barrier(self, group: FeatureGroup, table: Table) -> Callable[[PlacedFile], bool]:
        """Tells of a file whether it may hold moments of other partitions.

        Raises QueryFailed where the table is partitioned by something else than Tandem's own are.
        """
        by_text = False
        for field in table.spec().fields:
            source = table.schema().find_field(field.source_id).name
            if source == group.event_time_name and field.transform == TruncateTransform(10):
                by_text = True
            elif source != WRITE_TIME or not isinstance(field.transform, DayTransform):
                raise QueryFailed(
                    f"the Iceberg table of feature group {group.name!r} is partitioned by"
                    f" {field.transform} of {source!r} now, in which Tandem cannot tell which rows"
                    " were written later: let the program that changed it rewrite the data files"
                )
        if not by_text:
            return lambda _file: False
        return lambda file: not self._has_plain_moments(file, group.event_time_name)

    def _has_plain_moments(self, file: PlacedFile, event_time_name: str) -> bool:
        known = self._is_plain.get(file.path)
        if known is None:
            known = _is_plain(Path(file.path), event_time_name)
            if len(self._is_plain) > _REMEMBERED_FILES_MAX:
                self._is_plain.clear()
            self._is_plain[file.path] = known
        return known


def bins(
    files: Sequence[PlacedFile],
    candidates: Collection[str],
    target_bytes: int,
    stays: Callable[[PlacedFile], bool],
) -> list[list[PlacedFile]]:
    """Groups of files, each to become one; in each at least two.

    files        all files of the table, in order
    candidates   paths of the small ones that are meant
    stays        whether a file may hold moments of other partitions
    """
    barriers = sorted({file.place.sequence for file in files if stays(file)})
    partitions: dict[tuple[Any, ...], list[PlacedFile]] = {}
    for file in files:
        zone = bisect_left(barriers, file.place.sequence)
        values = file.entry.data_file.partition
        partition = (zone, *(values[place] for place in range(len(values))))
        partitions.setdefault(partition, []).append(file)
    return [
        packed
        for members in partitions.values()
        for packed in _packed(members, candidates, frozenset(barriers), target_bytes)
        if len(packed) > 1
    ]


def _packed(
    members: Sequence[PlacedFile],
    candidates: Collection[str],
    barriers: Collection[int],
    target_bytes: int,
) -> Iterator[list[PlacedFile]]:
    current: list[PlacedFile] = []
    size = 0
    for sequence, unit in groupby(members, key=lambda file: file.place.sequence):
        together = list(unit)
        is_meant = sequence not in barriers and all(file.path in candidates for file in together)
        if not is_meant or size >= target_bytes:
            yield current
            current, size = [], 0
        if is_meant:
            current += together
            size += sum(file.entry.data_file.file_size_in_bytes for file in together)
    yield current


def _is_plain(path: Path, event_time_name: str) -> bool:
    """Whether all event times in a file are texts whose first ten characters are the day in UTC."""
    return all(
        not values.null_count
        and pc.all(pc.match_substring_regex(values, _PLAIN_MOMENT), min_count=0).as_py()
        for values in column_batches(path, event_time_name)
    )
