"""The query engine on DuckDB."""

from tandem.query.duckdb.engine import DuckDbEngine

__all__ = ["DuckDbEngine"]
