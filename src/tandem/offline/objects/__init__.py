"""The objects of an embedded store: what s3://bucket/key is, as the file bucket/key on disk."""

from tandem.offline.objects.store import ObjectStore

__all__ = ["ObjectStore"]
