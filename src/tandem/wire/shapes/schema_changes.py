"""Shapes of Tandem's own operations on feature groups: aliases, retired features, clones."""

from tandem.model.feature_group import FeatureType, StorageType, TableFormat
from tandem.wire.shapes.shape import Shape


class Alias(Shape):
    alias: str
    feature_group_name: str


class ListAliasesRequest(Shape):
    pass


class ListAliasesResponse(Shape):
    aliases: list[Alias]


class SetAliasRequest(Shape):
    feature_group_name: str
    alias: str = ""


class RemoveAliasRequest(Shape):
    alias: str = ""


class FeatureRequest(Shape):
    feature_group_name: str = ""
    feature_name: str = ""


class ListRetiredFeaturesRequest(Shape):
    feature_group_name: str = ""


class RetiredFeature(Shape):
    feature_name: str
    feature_type: FeatureType
    retired_time: float


class ListRetiredFeaturesResponse(Shape):
    retired_features: list[RetiredFeature]


class CloneFeatureGroupRequest(Shape):
    target_feature_group_name: str
    feature_group_name: str = ""
    feature_types: dict[str, str] | None = None
    table_format: TableFormat | None = None
    storage_type: StorageType | None = None


class CloneFeatureGroupResponse(Shape):
    feature_group_arn: str
    rows: int
    records: int
