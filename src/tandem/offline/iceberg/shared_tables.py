"""Iceberg tables of groups as other programs know them, and versions that they commit.

A program that goes by Glue reads the newest metadata file, writes the next one beside it, and asks
for the exchange. The next one is taken only where it follows the newest one, so that nobody's
commit is lost, and only where the history keeps what it has and Tandem can go on with it.
"""

from tandem.errors import ValidationError
from tandem.model.feature_group import FeatureGroup
from tandem.offline.base import SharedTables
from tandem.offline.iceberg.catalog import TableCatalog
from tandem.offline.iceberg.group_tables import GroupTables


class IcebergSharedTables(SharedTables):
    """Of tables in the folders of their groups. Safe to use from many threads and processes."""

    def __init__(self, catalog: TableCatalog, tables: GroupTables) -> None:
        self._catalog = catalog
        self._tables = tables

    def metadata_location(self, group: FeatureGroup) -> str | None:
        return self._catalog.metadata_location(group.group_id)

    def adopt(self, group: FeatureGroup, expected: str, new: str) -> None:  # noqa: ARG002
        raise ValidationError("commits by other programs are not taken yet")
