"""A group in Iceberg format, some of its entries, and stores over one folder."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from tandem.model.event_time import EventTime
from tandem.model.feature_group import FeatureDefinition, FeatureGroup, FeatureType, TableFormat
from tandem.model.record import FeatureValue
from tandem.model.write import LogEntry
from tandem.offline.iceberg import IcebergOfflineStore
from tandem.testing.purchases import NOON, purchase, purchases_group

GROUP = purchases_group(table_format=TableFormat.ICEBERG)
FOLDER = (
    "offline/bucket/features/123456789012/sagemaker/eu-west-1/offline-store/purchases-1700000000"
)
GROWN = replace(
    GROUP, features=(*GROUP.features, FeatureDefinition("shop", FeatureType.STRING)), revision=2
)
ENTRIES = [
    purchase(
        GROUP,
        position,
        customer=f"c-{position}",
        event_time=EventTime(NOON.seconds + days * 86_400, 0),
        amount=f"{position}.50",
    )
    for position, days in enumerate([0, 0, -1, 7, 0, 7], 1)
]


LOCATION = f"s3://{FOLDER.removeprefix('offline/')}"


def open_store(folder: Path) -> IcebergOfflineStore:
    return IcebergOfflineStore(folder / "offline", folder / "iceberg.sqlite")


def table_of(folder: Path, group: FeatureGroup = GROUP) -> Table:
    """The group's table as PyIceberg opens it, told where the files are."""
    catalog = SqlCatalog(
        "tandem", uri=f"sqlite:///{quote(str(folder))}/iceberg.sqlite", **files_of(folder)
    )
    try:
        return catalog.load_table(f"sagemaker_featurestore.{group.group_id}")
    finally:
        catalog.engine.dispose()


def files_of(folder: Path) -> dict[str, str]:
    """What tells PyIceberg where the files of a store's tables are."""
    implementation = "tandem.offline.iceberg.file_io.DurableFileIO"
    return {"py-io-impl": implementation, "tandem.s3-folder": str(folder / "offline")}


def with_value(entry: LogEntry, name: str, text: str) -> LogEntry:
    others = tuple(value for value in entry.values if value.name != name)
    return replace(entry, values=(*others, FeatureValue(name, text)))


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def rows(table: Table, **scan: Any) -> list[dict[str, Any]]:
    """The rows that PyIceberg reads, by customer."""
    found: list[dict[str, Any]] = table.scan(**scan).to_arrow().to_pylist()
    return sorted(found, key=lambda row: str(row["customer"]))
