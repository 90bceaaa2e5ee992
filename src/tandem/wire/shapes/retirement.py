"""Shapes of Tandem's own operations: retired features."""

from tandem.wire.shapes.feature_metadata import FeatureParameter
from tandem.wire.shapes.sagemaker import FeatureDefinition
from tandem.wire.shapes.shape import Shape


class FeatureRequest(Shape):
    feature_group_name: str = ""
    feature_name: str = ""


class ListRetiredFeaturesRequest(Shape):
    feature_group_name: str = ""


class RetiredFeature(FeatureDefinition, kw_only=True):
    """With what is said of it, as DescribeFeatureMetadata says it of others."""

    retired_time: float
    last_modified_time: float
    description: str | None = None
    parameters: list[FeatureParameter] | None = None


class ListRetiredFeaturesResponse(Shape):
    retired_features: list[RetiredFeature]
