"""Shapes of sagemaker: what is said of features."""

from typing import Annotated

from msgspec import Meta

from tandem.model import limits
from tandem.model.feature_group import FeatureType
from tandem.wire.shapes.shape import Shape

FeatureName = Annotated[str, Meta(min_length=1, max_length=limits.FEATURE_NAME_LENGTH_MAX)]


class FeatureParameter(Shape):
    key: str | None = None
    value: str | None = None


class UpdateFeatureMetadataRequest(Shape):
    feature_group_name: str
    feature_name: FeatureName
    description: str | None = None
    parameter_additions: (
        Annotated[list[FeatureParameter], Meta(max_length=limits.FEATURE_PARAMETERS_MAX)] | None
    ) = None
    parameter_removals: (
        Annotated[list[str], Meta(max_length=limits.FEATURE_PARAMETERS_MAX)] | None
    ) = None


class DescribeFeatureMetadataRequest(Shape):
    feature_group_name: str
    feature_name: FeatureName


class DescribeFeatureMetadataResponse(Shape):
    feature_group_arn: str
    feature_group_name: str
    feature_name: str
    feature_type: FeatureType
    creation_time: float
    last_modified_time: float
    description: str | None = None
    parameters: list[FeatureParameter] | None = None
