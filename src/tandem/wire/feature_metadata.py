"""UpdateFeatureMetadata and DescribeFeatureMetadata."""

import asyncio
from collections.abc import Sequence

from tandem.errors import ValidationError
from tandem.model.changes import MetadataUpdate
from tandem.model.described_feature import DescribedFeature
from tandem.service.feature_group_updates import FeatureGroupUpdates
from tandem.service.placement import Account
from tandem.wire.arns import feature_group_arn, feature_group_name
from tandem.wire.shapes import feature_metadata as shapes


class FeatureMetadataOperations:
    """These write to or read from the registry, which may wait: they run in threads."""

    def __init__(self, updates: FeatureGroupUpdates, account: Account) -> None:
        self._updates = updates
        self._account = account

    async def update(self, request: shapes.UpdateFeatureMetadataRequest) -> None:
        name = feature_group_name(request.feature_group_name, self._account)
        update = MetadataUpdate(
            description=request.description,
            additions=_additions(request.parameter_additions or ()),
            removals=tuple(request.parameter_removals or ()),
        )
        await asyncio.to_thread(self._updates.update_feature, name, request.feature_name, update)

    async def describe(
        self, request: shapes.DescribeFeatureMetadataRequest
    ) -> shapes.DescribeFeatureMetadataResponse:
        name = feature_group_name(request.feature_group_name, self._account)
        feature = await asyncio.to_thread(
            self._updates.describe_feature, name, request.feature_name
        )
        return describe_feature(feature, self._account)


def describe_feature(
    feature: DescribedFeature, account: Account
) -> shapes.DescribeFeatureMetadataResponse:
    metadata = feature.metadata
    return shapes.DescribeFeatureMetadataResponse(
        feature_group_arn=feature_group_arn(feature.group.name, account),
        feature_group_name=feature.group.name,
        feature_name=feature.name,
        feature_type=feature.definition.type,
        creation_time=feature.created_at_us / 1e6,
        last_modified_time=metadata.modified_at_us / 1e6,
        description=metadata.description,
        parameters=[
            shapes.FeatureParameter(key=key, value=value)
            for key, value in metadata.parameters.items()
        ]
        or None,
    )


def _additions(parameters: Sequence[shapes.FeatureParameter]) -> tuple[tuple[str, str], ...]:
    pairs = []
    for parameter in parameters:
        if parameter.key is None or parameter.value is None:
            raise ValidationError(
                f"a parameter with Key {parameter.key!r} and Value {parameter.value!r} is not"
                " complete: give both"
            )
        pairs.append((parameter.key, parameter.value))
    return tuple(pairs)
