"""Definitions and records in the shapes of AWS's API, as the remote library sends and reads."""

from collections.abc import Mapping, Sequence
from typing import Any

from tandem.model.changes import GroupUpdate, ThroughputUpdate
from tandem.model.feature_group import (
    CollectionType,
    DataCatalog,
    FeatureDefinition,
    FeatureGroup,
    FeatureGroupStatus,
    FeatureMetadata,
    FeatureType,
    OfflineStoreConfig,
    OnlineStoreConfig,
    StorageType,
    TableFormat,
    ThroughputConfig,
    ThroughputMode,
)
from tandem.model.record import FeatureValue
from tandem.model.time_to_live import TtlDuration, TtlUnit
from tandem.service.group_creation import NewFeatureGroup


def create_request(new: NewFeatureGroup) -> dict[str, Any]:
    """The CreateFeatureGroup request of a definition."""
    return _without_none(
        {
            "FeatureGroupName": new.name,
            "RecordIdentifierFeatureName": new.record_identifier_name,
            "EventTimeFeatureName": new.event_time_name,
            "FeatureDefinitions": [_definition_json(feature) for feature in new.features],
            "OnlineStoreConfig": new.online and _online_json(new.online),
            "OfflineStoreConfig": new.offline and _offline_json(new.offline),
            "ThroughputConfig": _throughput_json(new.throughput),
            "RoleArn": new.role_arn,
            "Description": new.description,
            "Tags": tags_json(new.tags or {}),
        }
    )


def update_request(name: str, update: GroupUpdate) -> dict[str, Any]:
    """The UpdateFeatureGroup request of a change."""
    request: dict[str, Any] = {"FeatureGroupName": name}
    if update.additions:
        request["FeatureAdditions"] = [_definition_json(feature) for feature in update.additions]
    online: dict[str, Any] = {}
    if update.ttl is not None:
        online["TtlDuration"] = {"Unit": update.ttl.unit, "Value": update.ttl.value}
    elif update.removes_ttl:
        online["TtlDuration"] = {}
    if update.storage_type is not None:
        online["StorageType"] = update.storage_type
    if online:
        request["OnlineStoreConfig"] = online
    if update.throughput is not None:
        request["ThroughputConfig"] = _throughput_json(update.throughput)
    return request


def tags_json(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Keys and values (tags, or parameters of a feature) as AWS lists them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def tags_of(answer: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in answer}


def feature_metadata(answer: Mapping[str, Any]) -> FeatureMetadata:
    """What a DescribeFeatureMetadata answer, or a result of Search, says of a feature."""
    return FeatureMetadata(
        description=answer.get("Description"),
        parameters=tags_of(answer.get("Parameters") or ()),
        modified_at_us=round(answer["LastModifiedTime"] * 1e6),
    )


def feature_group(answer: Mapping[str, Any]) -> FeatureGroup:
    """The group that a DescribeFeatureGroup answer, or a result of Search, describes.

    Tags are part of the latter alone.
    """
    online, offline = answer.get("OnlineStoreConfig"), answer.get("OfflineStoreConfig")
    throughput = answer.get("ThroughputConfig") or {}
    created_at_us = round(answer["CreationTime"] * 1e6)
    return FeatureGroup(
        name=answer["FeatureGroupName"],
        group_id=_group_id(offline) if offline is not None else "",
        record_identifier_name=answer["RecordIdentifierFeatureName"],
        event_time_name=answer["EventTimeFeatureName"],
        features=tuple(feature_definition(feature) for feature in answer["FeatureDefinitions"]),
        created_at_us=created_at_us,
        modified_at_us=round(answer.get("LastModifiedTime", answer["CreationTime"]) * 1e6),
        online=_online(online) if online is not None else None,
        offline=_offline(offline) if offline is not None else None,
        throughput=ThroughputConfig(
            ThroughputMode(throughput.get("ThroughputMode", "OnDemand")),
            throughput.get("ProvisionedReadCapacityUnits"),
            throughput.get("ProvisionedWriteCapacityUnits"),
        ),
        role_arn=answer.get("RoleArn"),
        description=answer.get("Description"),
        tags=tags_of(answer.get("Tags") or ()),
        status=FeatureGroupStatus(answer["FeatureGroupStatus"]),
        failure_reason=answer.get("FailureReason"),
    )


def feature_definition(answer: Mapping[str, Any]) -> FeatureDefinition:
    """The feature that an element of FeatureDefinitions, or of Tandem's RetiredFeatures, is."""
    collection = answer.get("CollectionType")
    vector = (answer.get("CollectionConfig") or {}).get("VectorConfig") or {}
    return FeatureDefinition(
        answer["FeatureName"],
        FeatureType(answer["FeatureType"]),
        CollectionType(collection) if collection else None,
        vector.get("Dimension"),
    )


def _group_id(offline: Mapping[str, Any]) -> str:
    """The group's id, which AWS's API tells as a folder of the history's place alone."""
    uri: str = offline["S3StorageConfig"].get("ResolvedOutputS3Uri", "")
    return uri.removesuffix("/data").rpartition("/")[2]


def values_json(values: Sequence[FeatureValue]) -> list[dict[str, Any]]:
    return [
        {"FeatureName": name, "ValueAsString": value}
        if isinstance(value, str)
        else {"FeatureName": name, "ValueAsStringList": list(value)}
        for name, value in values
    ]


def _definition_json(feature: FeatureDefinition) -> dict[str, Any]:
    vector = feature.vector_dimension
    return _without_none(
        {
            "FeatureName": feature.name,
            "FeatureType": feature.type,
            "CollectionType": feature.collection,
            "CollectionConfig": vector and {"VectorConfig": {"Dimension": vector}},
        }
    )


def _throughput_json(throughput: ThroughputConfig | ThroughputUpdate) -> dict[str, Any]:
    return _without_none(
        {
            "ThroughputMode": throughput.mode,
            "ProvisionedReadCapacityUnits": throughput.read_units,
            "ProvisionedWriteCapacityUnits": throughput.write_units,
        }
    )


def _online_json(online: OnlineStoreConfig) -> dict[str, Any]:
    ttl, key = online.ttl, online.kms_key_id
    return _without_none(
        {
            "EnableOnlineStore": online.enabled,
            "StorageType": online.storage_type,
            "TtlDuration": ttl and {"Unit": ttl.unit, "Value": ttl.value},
            "SecurityConfig": key and {"KmsKeyId": key},
        }
    )


def _online(answer: Mapping[str, Any]) -> OnlineStoreConfig:
    ttl, storage = answer.get("TtlDuration"), answer.get("StorageType")
    return OnlineStoreConfig(
        enabled=answer.get("EnableOnlineStore", False),
        storage_type=StorageType(storage) if storage else None,
        ttl=TtlDuration(TtlUnit(ttl["Unit"]), ttl["Value"]) if ttl else None,
        kms_key_id=(answer.get("SecurityConfig") or {}).get("KmsKeyId"),
    )


def _offline_json(offline: OfflineStoreConfig) -> dict[str, Any]:
    storage = _without_none({"S3Uri": offline.s3_uri, "KmsKeyId": offline.kms_key_id})
    catalog = offline.data_catalog
    return _without_none(
        {
            "S3StorageConfig": storage,
            "TableFormat": offline.table_format,
            "DisableGlueTableCreation": offline.disable_glue_table_creation or None,
            "DataCatalogConfig": catalog
            and {
                "Catalog": catalog.catalog,
                "Database": catalog.database,
                "TableName": catalog.table,
            },
        }
    )


def _offline(answer: Mapping[str, Any]) -> OfflineStoreConfig:
    storage, catalog = answer["S3StorageConfig"], answer.get("DataCatalogConfig")
    return OfflineStoreConfig(
        s3_uri=storage["S3Uri"],
        resolved_uri=storage.get("ResolvedOutputS3Uri", ""),
        kms_key_id=storage.get("KmsKeyId"),
        table_format=TableFormat(answer.get("TableFormat", "Glue")),
        disable_glue_table_creation=answer.get("DisableGlueTableCreation", False),
        data_catalog=DataCatalog(catalog["Catalog"], catalog["Database"], catalog["TableName"])
        if catalog
        else None,
    )


def _without_none(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value not in (None, [])}
