"""The default online store: LMDB, with records and log in one environment and one transaction."""

from tandem.online.lmdb.store import LmdbOnlineStore

__all__ = ["LmdbOnlineStore"]
