"""An online store in Redis or Valkey: for many servers that share one, and reads from memory."""

from tandem.online.redis.store import RedisOnlineStore

__all__ = ["RedisOnlineStore"]
