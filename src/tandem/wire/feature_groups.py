"""Create-, Describe-, Update-, Delete- and ListFeatureGroups.

Describe gives back what the caller set and nothing that it left out, except the defaults that AWS
shows (TableFormat, ThroughputConfig, DataCatalogConfig): Terraform would replace the group else.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from tandem.errors import ValidationError
from tandem.model import limits
from tandem.model.changes import GroupUpdate, ThroughputUpdate
from tandem.model.definition import check_group_name
from tandem.model.feature_group import (
    DataCatalog,
    FeatureDefinition,
    FeatureGroup,
    OfflineStoreConfig,
    OnlineStoreConfig,
    TableFormat,
    ThroughputConfig,
)
from tandem.model.time_to_live import TtlDuration
from tandem.service.feature_group_updates import FeatureGroupUpdates
from tandem.service.feature_groups import FeatureGroups
from tandem.service.group_creation import NewFeatureGroup
from tandem.service.group_listing import GroupFilter, SortGroupsBy, sort_key
from tandem.service.placement import Account
from tandem.wire.arns import feature_group_arn, feature_group_name
from tandem.wire.paging import PageTokens
from tandem.wire.shapes import sagemaker as shapes
from tandem.wire.tags import new_tags


class FeatureGroupOperations:
    """These write to or read from the registry, which may wait: they run in threads."""

    def __init__(
        self, groups: FeatureGroups, updates: FeatureGroupUpdates, tokens: PageTokens
    ) -> None:
        self._groups = groups
        self._updates = updates
        self._tokens = tokens

    async def create(
        self, request: shapes.CreateFeatureGroupRequest
    ) -> shapes.CreateFeatureGroupResponse:
        group = await asyncio.to_thread(self._groups.create, _new_group(request))
        return shapes.CreateFeatureGroupResponse(
            feature_group_arn=feature_group_arn(group.name, self._groups.account)
        )

    async def describe(
        self, request: shapes.DescribeFeatureGroupRequest
    ) -> shapes.DescribeFeatureGroupResponse:
        name = feature_group_name(request.feature_group_name, self._groups.account)
        if request.next_token:
            # One page holds as many features as a group may have, so no token was ever given out.
            self._tokens.open(("DescribeFeatureGroup", name), request.next_token)
        group = await asyncio.to_thread(self._groups.describe, name)
        return describe_group(group, self._groups.account)

    async def update(
        self, request: shapes.UpdateFeatureGroupRequest
    ) -> shapes.UpdateFeatureGroupResponse:
        name = feature_group_name(request.feature_group_name, self._groups.account)
        group = await asyncio.to_thread(self._updates.update, name, _group_update(request))
        return shapes.UpdateFeatureGroupResponse(
            feature_group_arn=feature_group_arn(group.name, self._groups.account)
        )

    async def delete(self, request: shapes.DeleteFeatureGroupRequest) -> None:
        check_group_name(request.feature_group_name)
        await asyncio.to_thread(self._groups.delete, request.feature_group_name)

    async def list(
        self, request: shapes.ListFeatureGroupsRequest
    ) -> shapes.ListFeatureGroupsResponse:
        wanted = _filter(request)
        question = ("ListFeatureGroups", wanted)
        groups = await asyncio.to_thread(self._groups.list, wanted)
        if request.next_token:
            groups = _behind(groups, wanted, self._tokens.open(question, request.next_token))
        size = request.max_results or limits.LIST_GROUPS_RESULTS_MAX
        page = groups[:size]
        return shapes.ListFeatureGroupsResponse(
            feature_group_summaries=[_summary(group, self._groups.account) for group in page],
            next_token=(
                self._tokens.seal(question, _cursor(page[-1], wanted.sort_by))
                if len(groups) > size
                else None
            ),
        )


def describe_group(group: FeatureGroup, account: Account) -> shapes.DescribeFeatureGroupResponse:
    return shapes.DescribeFeatureGroupResponse(
        feature_group_arn=feature_group_arn(group.name, account),
        feature_group_name=group.name,
        record_identifier_feature_name=group.record_identifier_name,
        event_time_feature_name=group.event_time_name,
        feature_definitions=[described_feature(feature) for feature in group.current_features],
        creation_time=group.created_at_us / 1e6,
        last_modified_time=group.modified_at_us / 1e6 if group.was_updated else None,
        online_store_config=_described_online(group.online),
        offline_store_config=_described_offline(group.offline),
        throughput_config=shapes.ThroughputConfig(
            throughput_mode=group.throughput.mode,
            provisioned_read_capacity_units=group.throughput.read_units,
            provisioned_write_capacity_units=group.throughput.write_units,
        ),
        role_arn=group.role_arn,
        feature_group_status=group.status,
        offline_store_status=_described_status(group),
        last_update_status=(
            None
            if group.last_update_status is None
            else shapes.LastUpdateStatus(status=group.last_update_status)
        ),
        failure_reason=group.failure_reason,
        description=group.description,
    )


def _summary(group: FeatureGroup, account: Account) -> shapes.FeatureGroupSummary:
    return shapes.FeatureGroupSummary(
        feature_group_name=group.name,
        feature_group_arn=feature_group_arn(group.name, account),
        creation_time=group.created_at_us / 1e6,
        feature_group_status=group.status,
        offline_store_status=_described_status(group),
    )


def described_feature(feature: FeatureDefinition) -> shapes.FeatureDefinition:
    dimension = feature.vector_dimension
    return shapes.FeatureDefinition(
        feature_name=feature.name,
        feature_type=feature.type,
        collection_type=feature.collection,
        collection_config=(
            None
            if dimension is None
            else shapes.CollectionConfig(vector_config=shapes.VectorConfig(dimension=dimension))
        ),
    )


def _described_online(online: OnlineStoreConfig | None) -> shapes.OnlineStoreConfig | None:
    if online is None:
        return None
    ttl = online.ttl
    return shapes.OnlineStoreConfig(
        security_config=(
            None
            if online.kms_key_id is None
            else shapes.OnlineStoreSecurityConfig(kms_key_id=online.kms_key_id)
        ),
        enable_online_store=online.enabled,
        ttl_duration=None if ttl is None else shapes.TtlDuration(unit=ttl.unit, value=ttl.value),
        storage_type=online.storage_type,
    )


def _described_offline(offline: OfflineStoreConfig | None) -> shapes.OfflineStoreConfig | None:
    if offline is None:
        return None
    catalog = offline.data_catalog
    return shapes.OfflineStoreConfig(
        s3_storage_config=shapes.S3StorageConfig(
            s3_uri=offline.s3_uri,
            kms_key_id=offline.kms_key_id,
            resolved_output_s3_uri=offline.resolved_uri,
        ),
        disable_glue_table_creation=offline.disable_glue_table_creation,
        data_catalog_config=(
            None
            if catalog is None
            else shapes.DataCatalogConfig(
                table_name=catalog.table, catalog=catalog.catalog, database=catalog.database
            )
        ),
        table_format=offline.table_format,
    )


def _described_status(group: FeatureGroup) -> shapes.OfflineStoreStatusDescription | None:
    status = group.offline_store_status
    return None if status is None else shapes.OfflineStoreStatusDescription(status=status)


def _new_group(request: shapes.CreateFeatureGroupRequest) -> NewFeatureGroup:
    return NewFeatureGroup(
        name=request.feature_group_name,
        record_identifier_name=request.record_identifier_feature_name,
        event_time_name=request.event_time_feature_name,
        features=tuple(_new_feature(feature) for feature in request.feature_definitions),
        online=_new_online(request.online_store_config),
        offline=_new_offline(request.offline_store_config),
        throughput=_new_throughput(request.throughput_config),
        role_arn=request.role_arn,
        description=request.description,
        tags=new_tags(request.tags or []),
    )


def _new_feature(feature: shapes.FeatureDefinition) -> FeatureDefinition:
    config = feature.collection_config
    vector = config and config.vector_config
    if config is not None and vector is None:
        raise ValidationError(
            f"CollectionConfig of feature {feature.feature_name!r} is empty: give VectorConfig"
        )
    return FeatureDefinition(
        name=feature.feature_name,
        type=feature.feature_type,
        collection=feature.collection_type,
        vector_dimension=vector.dimension if vector else None,
    )


def _new_online(online: shapes.OnlineStoreConfig | None) -> OnlineStoreConfig | None:
    if online is None:
        return None
    security = online.security_config
    return OnlineStoreConfig(
        enabled=bool(online.enable_online_store),
        storage_type=online.storage_type,
        ttl=_new_ttl(online.ttl_duration),
        kms_key_id=None if security is None else security.kms_key_id,
    )


def _new_ttl(ttl: shapes.TtlDuration | None) -> TtlDuration | None:
    if ttl is None or (ttl.unit is None and ttl.value is None):
        return None
    if ttl.unit is None or ttl.value is None:
        raise ValidationError(
            f"TtlDuration with Unit {ttl.unit and ttl.unit.value!r} and Value {ttl.value} is not"
            " complete: give both"
        )
    return TtlDuration(ttl.unit, ttl.value)


def _new_offline(offline: shapes.OfflineStoreConfig | None) -> OfflineStoreConfig | None:
    if offline is None:
        return None
    catalog = offline.data_catalog_config
    return OfflineStoreConfig(
        s3_uri=offline.s3_storage_config.s3_uri,
        kms_key_id=offline.s3_storage_config.kms_key_id,
        table_format=offline.table_format or TableFormat.GLUE,
        disable_glue_table_creation=bool(offline.disable_glue_table_creation),
        data_catalog=(
            None
            if catalog is None
            else DataCatalog(
                catalog=catalog.catalog, database=catalog.database, table=catalog.table_name
            )
        ),
    )


def _new_throughput(throughput: shapes.ThroughputConfig | None) -> ThroughputConfig:
    if throughput is None:
        return ThroughputConfig()
    return ThroughputConfig(
        mode=throughput.throughput_mode,
        read_units=throughput.provisioned_read_capacity_units,
        write_units=throughput.provisioned_write_capacity_units,
    )


def _group_update(request: shapes.UpdateFeatureGroupRequest) -> GroupUpdate:
    online, throughput = request.online_store_config, request.throughput_config
    ttl = online.ttl_duration if online is not None else None
    return GroupUpdate(
        additions=tuple(_new_feature(feature) for feature in request.feature_additions or ()),
        ttl=_new_ttl(ttl),
        removes_ttl=online is not None and _removes_ttl(online),
        storage_type=online.storage_type if online is not None else None,
        throughput=(
            None
            if throughput is None
            else ThroughputUpdate(
                throughput.throughput_mode,
                throughput.provisioned_read_capacity_units,
                throughput.provisioned_write_capacity_units,
            )
        ),
    )


def _removes_ttl(online: shapes.OnlineStoreConfigUpdate) -> bool:
    # A duration without members takes the default away. So does a configuration without members:
    # it is what Terraform sends when the block of the duration is taken out of its file.
    if online.ttl_duration is None:
        return online.storage_type is None
    return online.ttl_duration.unit is None and online.ttl_duration.value is None


def _filter(request: shapes.ListFeatureGroupsRequest) -> GroupFilter:
    return GroupFilter(
        name_contains=request.name_contains,
        status=request.feature_group_status_equals,
        offline_store_status=request.offline_store_status_equals,
        created_after_us=_microseconds(request.creation_time_after),
        created_before_us=_microseconds(request.creation_time_before),
        sort_by=request.sort_by or SortGroupsBy.CREATION_TIME,
        descending=request.sort_order is shapes.SortOrder.DESCENDING,
    )


def _microseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1_000_000)


def _cursor(group: FeatureGroup, sort_by: SortGroupsBy) -> list[Any]:
    """Where a group stands in a listing: its value of the sort key, then its name."""
    return [sort_key(group, sort_by), group.name]


def _behind(
    groups: Sequence[FeatureGroup], wanted: GroupFilter, cursor: list[Any]
) -> Sequence[FeatureGroup]:
    """The groups that stand behind a cursor, whose own group may be gone by now."""
    value, name = cursor

    def is_behind(group: FeatureGroup) -> bool:
        other, other_name = _cursor(group, wanted.sort_by)
        if other == value:
            return bool(other_name > name)
        return bool(other < value if wanted.descending else other > value)

    return [group for group in groups if is_behind(group)]
