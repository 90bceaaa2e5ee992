"""Retired features over HTTP: hidden from readers, kept in history.

GET     /tandem/feature-groups/{FeatureGroupName}/retired-features
PUT     /tandem/feature-groups/{FeatureGroupName}/retired-features/{FeatureName}
DELETE  /tandem/feature-groups/{FeatureGroupName}/retired-features/{FeatureName}
"""

import asyncio

from tandem.errors import ConflictError, ResourceNotFound
from tandem.model.described_feature import DescribedFeature, retired_features
from tandem.service.placement import Account
from tandem.wire.arns import feature_group_name
from tandem.wire.error_table import Dialect
from tandem.wire.feature_groups import described_feature
from tandem.wire.feature_metadata import describe_feature
from tandem.wire.operation import Core, Operation, Service
from tandem.wire.shapes import retirement as shapes

_PATH = "/tandem/feature-groups/{FeatureGroupName}/retired-features"
_ERRORS = (ResourceNotFound, ConflictError)


class RetirementOperations:
    """These write to or read from the registry, which may wait: they run in threads."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def list(
        self, request: shapes.ListRetiredFeaturesRequest
    ) -> shapes.ListRetiredFeaturesResponse:
        name = self._name(request.feature_group_name)
        group = await asyncio.to_thread(self._core.groups.describe, name)
        return shapes.ListRetiredFeaturesResponse(
            retired_features=[
                _retired_feature(feature, self._core.groups.account)
                for feature in retired_features(group)
            ]
        )

    async def retire(self, request: shapes.FeatureRequest) -> None:
        name = self._name(request.feature_group_name)
        await asyncio.to_thread(self._core.updates.retire_feature, name, request.feature_name)

    async def restore(self, request: shapes.FeatureRequest) -> None:
        name = self._name(request.feature_group_name)
        await asyncio.to_thread(self._core.updates.restore_feature, name, request.feature_name)

    def _name(self, text: str) -> str:
        return feature_group_name(text, self._core.groups.account)


def _retired_feature(feature: DescribedFeature, account: Account) -> shapes.RetiredFeature:
    as_defined = described_feature(feature.definition)
    as_described = describe_feature(feature, account)
    assert feature.definition.retired_at_us is not None  # they alone are listed
    return shapes.RetiredFeature(
        feature_name=as_defined.feature_name,
        feature_type=as_defined.feature_type,
        collection_type=as_defined.collection_type,
        collection_config=as_defined.collection_config,
        retired_time=feature.definition.retired_at_us / 1e6,
        last_modified_time=as_described.last_modified_time,
        description=as_described.description,
        parameters=as_described.parameters,
    )


def retirement_service(core: Core) -> Service:
    retirement = RetirementOperations(core)
    return Service(
        name="tandem",
        dialect=Dialect.RUNTIME,
        operations=[
            Operation(
                name="ListRetiredFeatures",
                method="GET",
                path=_PATH,
                request=shapes.ListRetiredFeaturesRequest,
                perform=retirement.list,
                errors=_ERRORS,
            ),
            Operation(
                name="RetireFeature",
                method="PUT",
                path=_PATH + "/{FeatureName}",
                request=shapes.FeatureRequest,
                perform=retirement.retire,
                errors=_ERRORS,
            ),
            Operation(
                name="RestoreFeature",
                method="DELETE",
                path=_PATH + "/{FeatureName}",
                request=shapes.FeatureRequest,
                perform=retirement.restore,
                errors=_ERRORS,
            ),
        ],
    )
