"""What the tests of Iceberg groups share: the core of a folder, and a reader of its own."""

from pathlib import Path

from pyiceberg.catalog.sql import SqlCatalog

from tandem.assembly.core import Core, open_core
from tandem.assembly.settings import settings_from_environment
from tandem.model.changes import GroupUpdate
from tandem.model.feature_group import FeatureDefinition, FeatureType


def features(**more: str) -> dict[str, str]:
    return {"id": "String", "time": "String", **more}


def addition(name: str) -> GroupUpdate:
    return GroupUpdate(additions=(FeatureDefinition(name, FeatureType.STRING),))


def core_of(folder: Path) -> Core:
    core, give_back = open_core(settings_from_environment(data=folder))
    give_back()
    return core


def read_by_pyiceberg(folder: Path, group_id: str):
    catalog = SqlCatalog(
        "tandem",
        uri=f"sqlite:///{folder / 'iceberg.sqlite'}",
        **{
            "py-io-impl": "tandem.offline.iceberg.file_io.DurableFileIO",
            "tandem.s3-folder": str(folder / "s3"),
        },
    )
    table = catalog.load_table(f"sagemaker_featurestore.{group_id}")
    catalog.engine.dispose()
    return table.scan().to_arrow()
