"""A client's token names one request: sent again, the same is meant, and nothing is done twice."""

from hashlib import blake2b
from uuid import UUID


def id_of(token: str) -> str:
    """The id that a token stands for, in the form of a random UUID."""
    return str(UUID(bytes=blake2b(token.encode(), digest_size=16).digest(), version=4))
