"""Shapes of sagemaker: tags of a resource."""

from typing import Annotated

from msgspec import Meta

from tandem.model import limits
from tandem.wire.shapes.sagemaker import NextToken, Tag
from tandem.wire.shapes.shape import Shape


class AddTagsRequest(Shape):
    resource_arn: str
    tags: Annotated[list[Tag], Meta(max_length=limits.TAGS_PER_GROUP_MAX)]


class AddTagsResponse(Shape):
    tags: list[Tag]


class ListTagsRequest(Shape):
    resource_arn: str
    next_token: NextToken | None = None
    max_results: Annotated[int, Meta(ge=limits.TAGS_PER_GROUP_MAX)] | None = None


class ListTagsResponse(Shape):
    tags: list[Tag]
    next_token: str | None = None


class DeleteTagsRequest(Shape):
    resource_arn: str
    tag_keys: Annotated[list[str], Meta(min_length=1, max_length=limits.TAGS_PER_GROUP_MAX)]
