"""The table that a feature group's history is in the data catalog.

    Hive      Parquet below ResolvedOutputS3Uri, partitioned by the hour of event time
    Iceberg   what its newest metadata file says, in the folder above

It follows from the definition of the group. What users say of it is kept beside (`Annotations`): a
description, an owner, parameters, comments on columns. A retired feature is no column here, as for
every reader.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tandem.model.catalog import (
    EXTERNAL_TABLE,
    ICEBERG,
    METADATA_LOCATION,
    PREVIOUS_METADATA_LOCATION,
    TABLE_TYPE,
    CatalogColumn,
    CatalogPartition,
    CatalogTable,
    folded,
)
from tandem.model.feature_group import (
    FeatureDefinition,
    FeatureGroup,
    FeatureType,
    OfflineStoreConfig,
    TableFormat,
)
from tandem.model.history import Manifest

_TYPES = {
    FeatureType.STRING: "string",
    FeatureType.INTEGRAL: "bigint",
    FeatureType.FRACTIONAL: "double",
}
_OF_EVERY_HISTORY = (
    CatalogColumn("write_time", "timestamp"),
    CatalogColumn("api_invocation_time", "timestamp"),
    CatalogColumn("is_deleted", "boolean"),
)
_PARTITION_KEYS = tuple(CatalogColumn(key, "string") for key in ("year", "month", "day", "hour"))
_HOUR = re.compile(r"/(year=(\d{4})/month=(\d\d)/day=(\d\d)/hour=(\d\d))/", re.ASCII)
_INPUT_FORMAT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
_OUTPUT_FORMAT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
_SERDE = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
_FOLLOWING = frozenset({TABLE_TYPE, METADATA_LOCATION, PREVIOUS_METADATA_LOCATION})
"""Parameters that follow from the table, whatever a user says of them."""
_OURS = "tandem."


@dataclass(frozen=True, kw_only=True)
class Annotations:
    """What users said of a history's table.

    is_dropped         the table was dropped: the history stays, and the catalog does not show it
    comments           by column
    column_parameters  by column
    other              what else a client said of the table, under Glue's names
    """

    is_dropped: bool = False
    description: str | None = None
    owner: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    comments: Mapping[str, str] = field(default_factory=dict)
    column_parameters: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    other: Mapping[str, Any] = field(default_factory=dict)
    updated_at_us: int = 0


def place_of(group: FeatureGroup) -> tuple[str, str] | None:
    """The database and the name of the group's table; None where it has none."""
    offline = group.offline
    if offline is None or offline.data_catalog is None or offline.disable_glue_table_creation:
        return None
    if not group.is_whole:
        return None
    return folded(offline.data_catalog.database), folded(offline.data_catalog.table)


def history_table(
    group: FeatureGroup, said: Annotations, version: int, metadata_location: str | None = None
) -> CatalogTable:
    """The table of a group that has a place in the catalog.

    `metadata_location` is the newest version of an Iceberg table; None before there is any.
    """
    place = place_of(group)
    assert place is not None
    assert group.offline is not None
    common: dict[str, Any] = {
        "database": place[0],
        "name": place[1],
        "columns": tuple(_columns(group, said)),
        "table_type": EXTERNAL_TABLE,
        "description": group.description if said.description is None else said.description,
        "owner": said.owner,
        "other": said.other,
        "group_id": group.group_id,
        "table_id": group.group_id,
        "created_at_us": group.created_at_us,
        "updated_at_us": max(group.modified_at_us, said.updated_at_us),
        "version": version,
    }
    if group.offline.table_format is TableFormat.ICEBERG:
        parameters = {**_user_parameters(said), TABLE_TYPE: ICEBERG}
        if metadata_location is not None:
            parameters[METADATA_LOCATION] = metadata_location
        location = table_location(group.offline)
        return CatalogTable(**common, location=location, parameters=parameters)
    return CatalogTable(
        **common,
        location=group.offline.resolved_uri,
        partition_keys=_PARTITION_KEYS,
        parameters={"EXTERNAL": "TRUE", "classification": "parquet", **_user_parameters(said)},
        input_format=_INPUT_FORMAT,
        output_format=_OUTPUT_FORMAT,
        serde=_SERDE,
        serde_parameters={"serialization.format": "1"},
    )


def annotations_of(table: CatalogTable, updated_at_us: int) -> Annotations:
    """What a user's version of a history's table says beyond what follows from the group."""
    return Annotations(
        description=table.description,
        owner=table.owner,
        parameters=dict(table.parameters),
        comments={one.name: one.comment for one in table.columns if one.comment is not None},
        column_parameters={one.name: one.parameters for one in table.columns if one.parameters},
        other=table.other,
        updated_at_us=updated_at_us,
    )


def table_location(offline: OfflineStoreConfig) -> str:
    """Where the group's folder is: that of the data files is in it."""
    return offline.resolved_uri.rpartition("/")[0]


def history_partitions(table: CatalogTable, manifest: Manifest) -> list[CatalogPartition]:
    """The hours of event time that the visible files of a history in Hive form are in."""
    hours = {found.groups() for file in manifest.files if (found := _HOUR.search(file.path))}
    return [
        CatalogPartition(
            values=tuple(values),
            columns=table.columns,
            location=f"{table.location}/{folder}",
            input_format=table.input_format,
            output_format=table.output_format,
            serde=table.serde,
            serde_parameters=table.serde_parameters,
            created_at_us=table.created_at_us,
        )
        for folder, *values in sorted(hours)
    ]


def _columns(group: FeatureGroup, said: Annotations) -> Iterator[CatalogColumn]:
    columns = [
        CatalogColumn(folded(feature.name), _type(feature), _described(group, feature))
        for feature in group.current_features
    ]
    for column in (*columns, *_OF_EVERY_HISTORY):
        comment = said.comments.get(column.name, column.comment)
        parameters = said.column_parameters.get(column.name, {})
        yield CatalogColumn(column.name, column.type, comment, parameters)


def _described(group: FeatureGroup, feature: FeatureDefinition) -> str | None:
    metadata = group.metadata.get(feature.name)
    return None if metadata is None else metadata.description


def _type(feature: FeatureDefinition) -> str:
    scalar = _TYPES[feature.type]
    return scalar if feature.collection is None else f"array<{scalar}>"


def _user_parameters(said: Annotations) -> dict[str, str]:
    """Iceberg's clients repeat the table's properties here; Tandem's own would soon be old."""
    return {
        key: value
        for key, value in said.parameters.items()
        if key not in _FOLLOWING and not key.startswith(_OURS)
    }
