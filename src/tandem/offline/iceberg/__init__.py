"""An offline store of Iceberg tables on the local disk. Needs the extra `iceberg`."""

from tandem.offline.iceberg.store import IcebergOfflineStore

__all__ = ["IcebergOfflineStore"]
