"""Which rows of a range come into which file of an Iceberg table, and where the file is.

    {root}/{bucket}/{prefix}/…/{name}-{epoch}/           the table's location
        metadata/                                        versions, manifests: names of Iceberg's
        data/0f3a91bc/bought_at_trunc=2022-11-09/        8 hex digits, the partition
            20221109T215231Z_3nMk0Zq8rT1vXb5L.parquet    latest event time, 16 characters
        _log/                                            the archive, as of every group

* The 8 digits are a hash of the group, the log range and the partition; the 16 characters are one
  of those and of the file's bytes. So a range has the same names again after a crash, and a name
  never stands for other bytes: an attempt that lost a race cannot change a file that the winner
  has committed, whose size and statistics the table has noted.
* Of two rows with one key and one event time, the later must come later in the history. In one file
  they are in log order. One moment can be written as texts of two days, though (with an offset from
  UTC), which are two partitions and so two files. The files of a range are therefore appended in
  waves: such a row is a wave later than the one before it, and each wave has a sequence number of
  its own in the table. Nearly always there is one wave.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import TruncateTransform
from pyiceberg.typedef import Record

from tandem.errors import StoreUnavailable
from tandem.model.event_time import EventTime
from tandem.model.feature_group import FeatureGroup, FeatureType
from tandem.model.write import LogEntry, LogPart, RecordKey
from tandem.offline.locations import data_file_name
from tandem.offline.log_range import LogRange
from tandem.rows.history_rows import WRITE_TIME, event_seconds, offline_parts
from tandem.rows.segment import Segment, one_by_one, texts_match

_FOLDER_BYTES = 4
_DAY_CHARACTERS = 10
_UTC = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z?$"

Partition = tuple[Hashable, ...]
"""A row's value of each field of the partition spec, as Iceberg keeps it."""


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one file: entries of one partition and one wave, in log order.

    Of a segment it may have some rows only; the segment's positions mean nothing here then.
    """

    wave: int
    partition: Partition
    entries: Sequence[LogPart]


class Partitioning:
    """Where a table's partition spec puts the rows of a group.

    Raises StoreUnavailable where the spec divides by something else than Tandem's own ones do.
    """

    def __init__(self, group: FeatureGroup, schema: Schema, spec: PartitionSpec) -> None:
        sources: dict[str, Callable[[LogEntry], Any]] = {WRITE_TIME: _write_time}
        if group.event_time.type is FeatureType.STRING:
            sources[group.event_time_name] = lambda entry: dict(entry.values).get(
                group.event_time_name
            )
        self._event_time_name = group.event_time_name
        self._is_by_event_time = False
        self._schema = schema
        self._spec = spec
        self._fields: list[tuple[Callable[[LogEntry], Any], Callable[[Any], Any]]] = []
        for field in spec.fields:
            source = schema.find_field(field.source_id)
            if source.name not in sources:
                raise StoreUnavailable(
                    f"the Iceberg table of feature group {group.name!r} is partitioned by"
                    f" {source.name!r} now, which Tandem cannot write: give it back its partition"
                    " spec"
                )
            self._is_by_event_time |= source.name != WRITE_TIME
            transform = field.transform.transform(source.field_type)
            self._fields.append((sources[source.name], transform))

    def parts(self, entries: Sequence[LogPart]) -> list[Part]:
        """The offline-targeted ones of `entries` by file, in the order of the waves."""
        given = list(offline_parts(entries))
        if not self._keeps_segments(given):
            given = list(one_by_one(given))
        latest: dict[tuple[RecordKey, EventTime], tuple[Partition, int]] = {}
        entries_by_file: dict[tuple[int, Partition], list[LogPart]] = {}
        for entry in given:
            if not isinstance(entry, LogEntry):
                for partition, rows in self._by_partition(cast("Segment", entry)):
                    entries_by_file.setdefault((0, partition), []).append(rows)
                continue
            moment = (entry.key, entry.event_time)
            partition = tuple(transform(value(entry)) for value, transform in self._fields)
            before, wave = latest.get(moment, (partition, 0))
            if before != partition:
                wave += 1
            latest[moment] = (partition, wave)
            entries_by_file.setdefault((wave, partition), []).append(entry)
        parts = [Part(*place, in_file) for place, in_file in entries_by_file.items()]
        return sorted(parts, key=lambda part: part.wave)

    def _keeps_segments(self, parts: Sequence[LogPart]) -> bool:
        """Whether rows of one moment surely have one partition, so that there is one wave: it is
        the day of the write, or that of event times without an offset from UTC.
        """
        if all(isinstance(part, LogEntry) for part in parts) or not self._is_by_event_time:
            return True
        widths = [
            field.transform.width if isinstance(field.transform, TruncateTransform) else None
            for field in self._spec.fields
        ]
        return widths == [_DAY_CHARACTERS] and all(
            texts_match(part, self._event_time_name, _UTC) for part in parts
        )

    def _by_partition(self, segment: Segment) -> Iterator[tuple[Partition, Segment]]:
        """The rows of each partition, as segments."""
        if not self._is_by_event_time:
            yield tuple(transform(segment.write_time_us) for _, transform in self._fields), segment
            return
        texts = segment.rows.column(self._event_time_name).combine_chunks()
        days = pc.utf8_slice_codeunits(texts, 0, _DAY_CHARACTERS).dictionary_encode()
        numbers = days.indices.to_numpy()
        for number, day in enumerate(days.dictionary.to_pylist()):
            rows = segment.rows.filter(pa.array(numbers == number))
            yield (day,), replace(segment, rows=rows)

    def path(self, group: FeatureGroup, delivery: LogRange, part: Part, content: bytes) -> str:
        """The path of the file with the rows of `part`, below the folder of the data files."""
        partition = self._spec.partition_to_path(Record(*part.partition), self._schema)
        digest = blake2b(content, digest_size=16).hexdigest()
        latest = EventTime(int(event_seconds(part.entries).max()), 0)
        name = data_file_name(
            group.group_id, delivery, f"{partition}\n{part.wave}\n{digest}", latest
        )
        range_and_partition = "\n".join((group.group_id, *map(str, delivery), partition))
        folder = blake2b(range_and_partition.encode(), digest_size=_FOLDER_BYTES).hexdigest()
        return "/".join(step for step in (folder, partition, name) if step)


def _write_time(entry: LogEntry) -> int:
    return entry.write_time_us
