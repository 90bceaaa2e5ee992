"""Shapes of sagemaker: feature groups. Times are seconds since 1970 as numbers."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from tandem.model import limits
from tandem.model.feature_group import (
    CollectionType,
    FeatureGroupStatus,
    FeatureType,
    OfflineStoreStatus,
    StorageType,
    TableFormat,
    ThroughputMode,
    UpdateStatus,
)
from tandem.model.time_to_live import TtlUnit
from tandem.service.group_listing import SortGroupsBy
from tandem.wire.shapes.shape import Shape

Timestamp = Annotated[float, Meta(ge=-62_135_596_800, le=253_402_300_800)]
"""The years 1 to 9999, which is what clients' datetimes hold."""
NextToken = Annotated[str, Meta(max_length=8_192)]
CatalogName = Annotated[str, Meta(min_length=1, max_length=255)]


class SortOrder(StrEnum):
    ASCENDING = "Ascending"
    DESCENDING = "Descending"


class VectorConfig(Shape):
    dimension: int


class CollectionConfig(Shape):
    vector_config: VectorConfig | None = None


class FeatureDefinition(Shape):
    feature_name: str
    feature_type: FeatureType
    collection_type: CollectionType | None = None
    collection_config: CollectionConfig | None = None


class OnlineStoreSecurityConfig(Shape):
    kms_key_id: str | None = None


class TtlDuration(Shape):
    unit: TtlUnit | None = None
    value: int | None = None


class OnlineStoreConfig(Shape):
    security_config: OnlineStoreSecurityConfig | None = None
    enable_online_store: bool | None = None
    ttl_duration: TtlDuration | None = None
    storage_type: StorageType | None = None


class S3StorageConfig(Shape):
    s3_uri: str
    kms_key_id: str | None = None
    resolved_output_s3_uri: str | None = None


class DataCatalogConfig(Shape):
    table_name: CatalogName
    catalog: CatalogName
    database: CatalogName


class OfflineStoreConfig(Shape):
    s3_storage_config: S3StorageConfig
    disable_glue_table_creation: bool | None = None
    data_catalog_config: DataCatalogConfig | None = None
    table_format: TableFormat | None = None


class ThroughputConfig(Shape):
    throughput_mode: ThroughputMode
    provisioned_read_capacity_units: int | None = None
    provisioned_write_capacity_units: int | None = None


class Tag(Shape):
    key: str
    value: str


class OfflineStoreStatusDescription(Shape):
    status: OfflineStoreStatus


class LastUpdateStatus(Shape):
    status: UpdateStatus


class CreateFeatureGroupRequest(Shape):
    feature_group_name: str
    record_identifier_feature_name: str
    event_time_feature_name: str
    feature_definitions: list[FeatureDefinition]
    online_store_config: OnlineStoreConfig | None = None
    offline_store_config: OfflineStoreConfig | None = None
    throughput_config: ThroughputConfig | None = None
    role_arn: str | None = None
    description: str | None = None
    tags: Annotated[list[Tag], Meta(max_length=limits.TAGS_PER_GROUP_MAX)] | None = None


class CreateFeatureGroupResponse(Shape):
    feature_group_arn: str


class DescribeFeatureGroupRequest(Shape):
    feature_group_name: str
    next_token: NextToken | None = None


class DescribeFeatureGroupResponse(Shape):
    feature_group_arn: str
    feature_group_name: str
    record_identifier_feature_name: str
    event_time_feature_name: str
    feature_definitions: list[FeatureDefinition]
    creation_time: float
    throughput_config: ThroughputConfig
    feature_group_status: FeatureGroupStatus
    last_modified_time: float | None = None
    online_store_config: OnlineStoreConfig | None = None
    offline_store_config: OfflineStoreConfig | None = None
    role_arn: str | None = None
    offline_store_status: OfflineStoreStatusDescription | None = None
    last_update_status: LastUpdateStatus | None = None
    failure_reason: str | None = None
    description: str | None = None


class OnlineStoreConfigUpdate(Shape):
    ttl_duration: TtlDuration | None = None
    storage_type: StorageType | None = None


class ThroughputConfigUpdate(Shape):
    throughput_mode: ThroughputMode | None = None
    provisioned_read_capacity_units: int | None = None
    provisioned_write_capacity_units: int | None = None


class UpdateFeatureGroupRequest(Shape):
    feature_group_name: str
    feature_additions: (
        Annotated[
            list[FeatureDefinition], Meta(min_length=1, max_length=limits.FEATURE_ADDITIONS_MAX)
        ]
        | None
    ) = None
    online_store_config: OnlineStoreConfigUpdate | None = None
    throughput_config: ThroughputConfigUpdate | None = None


class UpdateFeatureGroupResponse(Shape):
    feature_group_arn: str


class DeleteFeatureGroupRequest(Shape):
    feature_group_name: str


class ListFeatureGroupsRequest(Shape):
    name_contains: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    feature_group_status_equals: FeatureGroupStatus | None = None
    offline_store_status_equals: OfflineStoreStatus | None = None
    creation_time_after: Timestamp | None = None
    creation_time_before: Timestamp | None = None
    sort_order: SortOrder | None = None
    sort_by: SortGroupsBy | None = None
    max_results: Annotated[int, Meta(ge=1, le=limits.LIST_GROUPS_RESULTS_MAX)] | None = None
    next_token: NextToken | None = None


class FeatureGroupSummary(Shape):
    feature_group_name: str
    feature_group_arn: str
    creation_time: float
    feature_group_status: FeatureGroupStatus
    offline_store_status: OfflineStoreStatusDescription | None = None


class ListFeatureGroupsResponse(Shape):
    feature_group_summaries: list[FeatureGroupSummary]
    next_token: str | None = None
