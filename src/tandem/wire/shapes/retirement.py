"""Shapes of Tandem's own operations: retired features."""

from tandem.wire.shapes.sagemaker import FeatureDefinition
from tandem.wire.shapes.shape import Shape


class FeatureRequest(Shape):
    feature_group_name: str = ""
    feature_name: str = ""


class ListRetiredFeaturesRequest(Shape):
    feature_group_name: str = ""


class RetiredFeature(FeatureDefinition, kw_only=True):
    retired_time: float


class ListRetiredFeaturesResponse(Shape):
    retired_features: list[RetiredFeature]
