"""How far an ingestion has come: the mark that commits with its rows."""

from typing import NamedTuple
from zlib import crc32

import msgspec
import pyarrow as pa

from tandem.errors import ValidationError
from tandem.rows.record_table import KEY_COLUMNS

KEPT_SECONDS = 7 * 86_400
"""So long after its last commit, an ingestion can be gone on with."""

_ID_LENGTH_MAX = 128
_ID_BYTES_MAX = 384
"""The name of a mark is a key of the store, which takes 511 bytes."""


def check_ingestion_id(ingestion_id: str) -> None:
    """Raises ValidationError where it is empty or too long."""
    if (
        not 1 <= len(ingestion_id) <= _ID_LENGTH_MAX
        or len(ingestion_id.encode(errors="replace")) > _ID_BYTES_MAX
    ):
        raise ValidationError(
            f"ingestion_id {ingestion_id[:64]!r} is not valid: it has 1 to {_ID_LENGTH_MAX}"
            f" characters, {_ID_BYTES_MAX} bytes in UTF-8 at most"
        )


class IngestionMark(NamedTuple):
    """Rows of the input up to `rows` are done; then comes a chunk that may be in hand.

    chunk_rows   how many rows of the input it has; 0: none is in hand
    written      how many of its good rows, in the order in which they are written, are in
    content      a checksum of those rows, so that other rows are not taken for them
    bad_rows     how many rows were left out, of the chunk and before
    """

    rows: int = 0
    chunk_rows: int = 0
    written: int = 0
    content: int = 0
    bad_rows: int = 0

    @classmethod
    def read(cls, packed: bytes) -> "IngestionMark":
        """A packed mark; where there is none, the one that every ingestion begins with."""
        return cls() if not packed else msgspec.json.decode(packed, type=cls)

    def packed(self) -> bytes:
        return msgspec.json.encode(self)


def mark_name(group_id: str, ingestion_id: str) -> str:
    return f"ingestion/{group_id}/{ingestion_id}"


def content_of(rows: pa.Table) -> int:
    """A checksum of the keys and event times of rows, in their order."""
    checksum: int = rows.num_rows
    for name in KEY_COLUMNS:
        # A copy of its own begins at the start of its buffers, wherever the rows were cut out.
        column = pa.concat_arrays(rows.column(name).chunks)
        for buffer in column.buffers()[1:]:
            if buffer is not None:
                checksum = crc32(buffer, checksum)
    return checksum
