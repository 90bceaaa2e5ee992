"""The parts of a log, of what lies at its positions in an engine of keys and values."""

from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa

from tandem.model.write import LogPart
from tandem.online import layout


def parts_of(
    partition: int,
    values: Iterable[tuple[bytes, bytes]],
    after: int,
    through: int | None,
    group_id: str | None,
    read: Callable[[str, int], pa.Table],
) -> Iterator[LogPart]:
    """`LogSnapshot.parts`, of the keys and values behind `after`; `read` gives the rows of a stage
    by name and checksum.
    """
    group = None if group_id is None else group_id.encode()
    for key, raw in values:
        is_behind = through is not None and layout.split_position_key(key) > through
        if layout.is_segment(raw):
            if group is None or layout.is_entry_of(raw, group):
                segment = layout.unpack_segment(partition, key, raw, read)
                if (cut := segment.between(after, through)) is not None:
                    yield cut
        elif not is_behind and (group is None or layout.is_entry_of(raw, group)):
            yield layout.unpack_entry(partition, key, raw)
        if is_behind:
            return
