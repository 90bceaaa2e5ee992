"""How Parquet is written: one place for every option, each with its reason."""

from typing import Any

_EVERYWHERE: dict[str, Any] = {
    # Data pages of the first kind: every reader has them.
    "data_page_version": "1.0",
    # A checksum in each page header. Readers that do not know it pass over it.
    "write_page_checksum": True,
    # Enough rows to compress well, and few enough to be read and skipped piece by piece. DuckDB
    # gives each thread one row group, and this is the size of its own.
    "row_group_size": 122_880,
}

HISTORY: dict[str, Any] = {
    **_EVERYWHERE,
    # Snappy, not zstd: it is in every reader since Parquet began. Spark before 3.2 reads zstd only
    # where Hadoop's native library is installed. The files are those of somebody else's tools.
    "compression": "snappy",
    # A page index lets Athena and Spark skip pages by identifier or write time.
    "write_page_index": True,
    # Parquet's own types say all there is to say; no Arrow or pandas schema in the footer.
    "store_schema": False,
}

ARCHIVE: dict[str, Any] = {
    **_EVERYWHERE,
    # Only Tandem has to read the archive: the smaller file wins.
    "compression": "zstd",
    "compression_level": 3,
}
