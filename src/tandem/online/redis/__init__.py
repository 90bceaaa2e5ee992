"""An online store in Redis or Valkey: newest records and log in memory, synced to its disk."""

from tandem.online.redis.store import RedisOnlineStore

__all__ = ["RedisOnlineStore"]
