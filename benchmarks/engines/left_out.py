"""What the stores of this folder leave out of the seam: segments and marks.

Whoever asks for one gets NotImplementedError.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

import pyarrow as pa

from benchmarks.engines.log_end import PARTITION, End
from tandem.model.write import LogPart, Write
from tandem.online.base import (
    LogSnapshot,
    NewestRows,
    Prepared,
    Request,
    StagedRows,
    Staging,
)


class NoStaging(Staging):
    """Keeps no rows, since there are no segments of them."""

    def stage(self, rows: pa.Table) -> AbstractContextManager[StagedRows]:
        raise NotImplementedError(
            f"this store takes no loads: write the {rows.num_rows} rows as puts"
        )

    def prepared(self, group_id: str, newest: NewestRows) -> Prepared:
        del group_id
        raise NotImplementedError(
            f"this store takes no loads: write the {len(newest.identifiers)} rows as puts"
        )

    def clean(self) -> int:
        return 0


class LogOfEntries(LogSnapshot):
    """A log without segments; `entries` is left to the store."""

    def __init__(self, end: End) -> None:
        self._end = end

    def parts(
        self,
        partition: int,
        after: int,
        through: int | None = None,
        *,
        group_id: str | None = None,
    ) -> Iterator[LogPart]:
        return self.entries(partition, after, through, group_id=group_id)

    def end(self, partition: int) -> int:
        assert partition == PARTITION
        return self._end.position

    def mark(self, name: str) -> bytes | None:
        raise NotImplementedError(f"this store keeps no marks, {name!r} neither")

    @property
    def write_time_us(self) -> int:
        return self._end.write_time_us


def only_writes(requests: Sequence[Request]) -> list[Write]:
    """The requests. Raises NotImplementedError where one is a segment or a mark."""
    writes = [one for one in requests if isinstance(one, Write)]
    if len(writes) < len(requests):
        raise NotImplementedError("this store takes puts, updates and deletes: no segment, no mark")
    return writes
