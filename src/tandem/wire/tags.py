"""AddTags, ListTags and DeleteTags, of feature groups.

A group has at most as many tags as one page of ListTags holds, so no page ever leads to another.
"""

import asyncio

from tandem.errors import ValidationError
from tandem.model.feature_group import FeatureGroup
from tandem.service.feature_group_updates import FeatureGroupUpdates
from tandem.service.feature_groups import FeatureGroups
from tandem.wire.arns import feature_group_name_of_arn
from tandem.wire.paging import PageTokens
from tandem.wire.shapes import tags as shapes
from tandem.wire.shapes.sagemaker import Tag


class TagOperations:
    """These write to or read from the registry, which may wait: they run in threads."""

    def __init__(
        self, groups: FeatureGroups, updates: FeatureGroupUpdates, tokens: PageTokens
    ) -> None:
        self._groups = groups
        self._updates = updates
        self._tokens = tokens

    async def add(self, request: shapes.AddTagsRequest) -> shapes.AddTagsResponse:
        name = self._name(request.resource_arn)
        group = await asyncio.to_thread(self._updates.tag, name, new_tags(request.tags))
        return shapes.AddTagsResponse(tags=described_tags(group))

    async def list(self, request: shapes.ListTagsRequest) -> shapes.ListTagsResponse:
        name = self._name(request.resource_arn)
        if request.next_token:
            self._tokens.open(("ListTags", name), request.next_token)
        group = await asyncio.to_thread(self._groups.describe, name)
        return shapes.ListTagsResponse(tags=described_tags(group))

    async def delete(self, request: shapes.DeleteTagsRequest) -> None:
        name = self._name(request.resource_arn)
        await asyncio.to_thread(self._updates.untag, name, request.tag_keys)

    def _name(self, arn: str) -> str:
        return feature_group_name_of_arn(arn, self._groups.account)


def new_tags(tags: list[Tag]) -> dict[str, str]:
    """Tags by key, from the form that AWS sends. Raises ValidationError where a key comes twice."""
    by_key: dict[str, str] = {}
    for tag in tags:
        if tag.key in by_key:
            raise ValidationError(f"tag key {tag.key[:64]!r} is given twice")
        by_key[tag.key] = tag.value
    return by_key


def described_tags(group: FeatureGroup) -> list[Tag]:
    return [Tag(key=key, value=value) for key, value in group.tags.items()]
