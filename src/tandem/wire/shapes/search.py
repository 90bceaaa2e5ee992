"""Shapes of sagemaker: Search and GetSearchSuggestions.

Of the resources that AWS can search, the records of those that are served here have members.
"""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from tandem.model.feature_group import FeatureGroupStatus, FeatureType
from tandem.model.search import PROPERTY_NAME_LENGTH_MAX, BooleanOperator, Operator
from tandem.wire.shapes.feature_metadata import FeatureParameter
from tandem.wire.shapes.sagemaker import (
    FeatureDefinition,
    LastUpdateStatus,
    NextToken,
    OfflineStoreConfig,
    OfflineStoreStatusDescription,
    OnlineStoreConfig,
    SortOrder,
    Tag,
    ThroughputConfig,
)
from tandem.wire.shapes.shape import Shape

RESULTS_MAX = 100
_VISIBILITY_CONDITIONS_MAX = 5
_HINT_LENGTH_MAX = 100


class ResourceType(StrEnum):
    TRAINING_JOB = "TrainingJob"
    EXPERIMENT = "Experiment"
    EXPERIMENT_TRIAL = "ExperimentTrial"
    EXPERIMENT_TRIAL_COMPONENT = "ExperimentTrialComponent"
    ENDPOINT = "Endpoint"
    MODEL = "Model"
    MODEL_PACKAGE = "ModelPackage"
    MODEL_PACKAGE_GROUP = "ModelPackageGroup"
    PIPELINE = "Pipeline"
    PIPELINE_EXECUTION = "PipelineExecution"
    FEATURE_GROUP = "FeatureGroup"
    FEATURE_METADATA = "FeatureMetadata"
    IMAGE = "Image"
    IMAGE_VERSION = "ImageVersion"
    PROJECT = "Project"
    HYPER_PARAMETER_TUNING_JOB = "HyperParameterTuningJob"
    MODEL_CARD = "ModelCard"
    PIPELINE_VERSION = "PipelineVersion"
    JOB = "Job"
    HUB_CONTENT = "HubContent"


class CrossAccountFilterOption(StrEnum):
    SAME_ACCOUNT = "SameAccount"
    CROSS_ACCOUNT = "CrossAccount"


class Relation(StrEnum):
    EQUAL_TO = "EqualTo"
    GREATER_THAN_OR_EQUAL_TO = "GreaterThanOrEqualTo"


class Filter(Shape):
    name: str
    operator: Operator | None = None
    value: str | None = None


class NestedFilters(Shape):
    nested_property_name: str
    filters: list[Filter]


class SearchExpression(Shape):
    filters: list[Filter] | None = None
    nested_filters: list[NestedFilters] | None = None
    sub_expressions: list["SearchExpression"] | None = None
    operator: BooleanOperator | None = None


class VisibilityConditions(Shape):
    key: str | None = None
    value: str | None = None


class SearchRequest(Shape):
    resource: ResourceType
    search_expression: SearchExpression | None = None
    sort_by: Annotated[str, Meta(min_length=1, max_length=PROPERTY_NAME_LENGTH_MAX)] | None = None
    sort_order: SortOrder | None = None
    next_token: NextToken | None = None
    max_results: Annotated[int, Meta(ge=1, le=RESULTS_MAX)] | None = None
    cross_account_filter_option: CrossAccountFilterOption | None = None
    visibility_conditions: (
        Annotated[
            list[VisibilityConditions], Meta(min_length=1, max_length=_VISIBILITY_CONDITIONS_MAX)
        ]
        | None
    ) = None


class FeatureGroup(Shape):
    """AWS's, and `throughput_config`: groups are searched by it, so that they show it."""

    feature_group_arn: str | None = None
    feature_group_name: str | None = None
    record_identifier_feature_name: str | None = None
    event_time_feature_name: str | None = None
    feature_definitions: list[FeatureDefinition] | None = None
    creation_time: float | None = None
    last_modified_time: float | None = None
    online_store_config: OnlineStoreConfig | None = None
    offline_store_config: OfflineStoreConfig | None = None
    throughput_config: ThroughputConfig | None = None
    role_arn: str | None = None
    feature_group_status: FeatureGroupStatus | None = None
    offline_store_status: OfflineStoreStatusDescription | None = None
    last_update_status: LastUpdateStatus | None = None
    failure_reason: str | None = None
    description: str | None = None
    tags: list[Tag] | None = None


class FeatureMetadata(Shape):
    feature_group_arn: str | None = None
    feature_group_name: str | None = None
    feature_name: str | None = None
    feature_type: FeatureType | None = None
    creation_time: float | None = None
    last_modified_time: float | None = None
    description: str | None = None
    parameters: list[FeatureParameter] | None = None


class SearchRecord(Shape):
    feature_group: FeatureGroup | None = None
    feature_metadata: FeatureMetadata | None = None


class TotalHits(Shape):
    value: int | None = None
    relation: Relation | None = None


class SearchResponse(Shape):
    results: list[SearchRecord] | None = None
    next_token: str | None = None
    total_hits: TotalHits | None = None


class PropertyNameQuery(Shape):
    property_name_hint: Annotated[str, Meta(max_length=_HINT_LENGTH_MAX)]


class SuggestionQuery(Shape):
    property_name_query: PropertyNameQuery | None = None


class GetSearchSuggestionsRequest(Shape):
    resource: ResourceType
    suggestion_query: SuggestionQuery | None = None


class PropertyNameSuggestion(Shape):
    property_name: str | None = None


class GetSearchSuggestionsResponse(Shape):
    property_name_suggestions: list[PropertyNameSuggestion] | None = None
