"""Shapes of athena: work groups, their tags, and engine versions."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from tandem.wire.shapes.athena import (
    AccountId,
    AclConfiguration,
    EncryptionConfiguration,
    EngineVersion,
    NextToken,
    ResultConfiguration,
    WorkGroupName,
)
from tandem.wire.shapes.shape import Shape

GROUPS_MAX = 50
_TAGS_MIN = 75

Description = Annotated[str, Meta(max_length=1_024)]
ResourceArn = Annotated[str, Meta(min_length=1, max_length=1_011)]
CutoffBytes = Annotated[int, Meta(ge=10_000_000)]


class Tag(Shape):
    """The model requires neither member; a tag without a key is refused all the same."""

    key: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    value: Annotated[str, Meta(max_length=256)] | None = None


class WorkGroupState(StrEnum):
    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


class WorkGroupConfiguration(Shape):
    result_configuration: ResultConfiguration | None = None
    enforce_work_group_configuration: bool | None = None
    publish_cloud_watch_metrics_enabled: bool | None = None
    bytes_scanned_cutoff_per_query: CutoffBytes | None = None
    requester_pays_enabled: bool | None = None
    engine_version: EngineVersion | None = None


class CreateWorkGroupRequest(Shape):
    name: WorkGroupName
    configuration: WorkGroupConfiguration | None = None
    description: Description | None = None
    tags: list[Tag] | None = None


class CreateWorkGroupResponse(Shape):
    pass


class WorkGroupRequest(Shape):
    work_group: WorkGroupName


class WorkGroup(Shape):
    name: str
    state: WorkGroupState | None = None
    configuration: WorkGroupConfiguration | None = None
    description: str | None = None
    creation_time: float | None = None


class GetWorkGroupResponse(Shape):
    work_group: WorkGroup | None = None


class ListWorkGroupsRequest(Shape):
    next_token: NextToken | None = None
    max_results: Annotated[int, Meta(ge=1, le=GROUPS_MAX)] | None = None


class WorkGroupSummary(Shape):
    name: str | None = None
    state: WorkGroupState | None = None
    description: str | None = None
    creation_time: float | None = None
    engine_version: EngineVersion | None = None


class ListWorkGroupsResponse(Shape):
    work_groups: list[WorkGroupSummary] | None = None
    next_token: str | None = None


class ResultConfigurationUpdates(Shape):
    output_location: str | None = None
    remove_output_location: bool | None = None
    encryption_configuration: EncryptionConfiguration | None = None
    remove_encryption_configuration: bool | None = None
    expected_bucket_owner: AccountId | None = None
    remove_expected_bucket_owner: bool | None = None
    acl_configuration: AclConfiguration | None = None
    remove_acl_configuration: bool | None = None


class WorkGroupConfigurationUpdates(Shape):
    enforce_work_group_configuration: bool | None = None
    result_configuration_updates: ResultConfigurationUpdates | None = None
    publish_cloud_watch_metrics_enabled: bool | None = None
    bytes_scanned_cutoff_per_query: CutoffBytes | None = None
    remove_bytes_scanned_cutoff_per_query: bool | None = None
    requester_pays_enabled: bool | None = None
    engine_version: EngineVersion | None = None


class UpdateWorkGroupRequest(Shape):
    work_group: WorkGroupName
    description: Description | None = None
    configuration_updates: WorkGroupConfigurationUpdates | None = None
    state: WorkGroupState | None = None


class UpdateWorkGroupResponse(Shape):
    pass


class DeleteWorkGroupRequest(Shape):
    work_group: WorkGroupName
    recursive_delete_option: bool | None = None


class DeleteWorkGroupResponse(Shape):
    pass


class ListEngineVersionsRequest(Shape):
    next_token: NextToken | None = None
    max_results: Annotated[int, Meta(ge=1, le=10)] | None = None


class ListEngineVersionsResponse(Shape):
    engine_versions: list[EngineVersion] | None = None
    next_token: str | None = None


class TagResourceRequest(Shape, kw_only=True):
    resource_arn: ResourceArn = msgspec.field(name="ResourceARN")
    tags: list[Tag]


class TagResourceResponse(Shape):
    pass


class UntagResourceRequest(Shape, kw_only=True):
    resource_arn: ResourceArn = msgspec.field(name="ResourceARN")
    tag_keys: list[Annotated[str, Meta(min_length=1, max_length=128)]]


class UntagResourceResponse(Shape):
    pass


class ListTagsForResourceRequest(Shape, kw_only=True):
    resource_arn: ResourceArn = msgspec.field(name="ResourceARN")
    next_token: NextToken | None = None
    max_results: Annotated[int, Meta(ge=_TAGS_MIN)] | None = None


class ListTagsForResourceResponse(Shape):
    tags: list[Tag] | None = None
    next_token: str | None = None
