"""Tandem's own operations on feature groups: what AWS's API cannot say, as REST with JSON.

GET     /tandem/aliases
PUT     /tandem/aliases/{Alias}                                     {"FeatureGroupName": …}
DELETE  /tandem/aliases/{Alias}
GET     /tandem/feature-groups/{FeatureGroupName}/retired-features
PUT     /tandem/feature-groups/{FeatureGroupName}/retired-features/{FeatureName}
DELETE  /tandem/feature-groups/{FeatureGroupName}/retired-features/{FeatureName}
POST    /tandem/feature-groups/{FeatureGroupName}/clone             {"TargetFeatureGroupName": …}
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from tandem.errors import ConflictError, ResourceInUse, ResourceNotFound, ValidationError
from tandem.model.feature_group import FeatureType
from tandem.service.cloning import CloneRequest
from tandem.wire.arns import feature_group_arn, feature_group_name
from tandem.wire.error_table import Dialect
from tandem.wire.operation import Core, Operation, Service
from tandem.wire.shapes import schema_changes as shapes

_ALIASES = "/tandem/aliases"
_RETIRED = "/tandem/feature-groups/{FeatureGroupName}/retired-features"
_CLONE = "/tandem/feature-groups/{FeatureGroupName}/clone"
_ERRORS = (ResourceNotFound, ResourceInUse, ConflictError)
_CLONES_AT_ONCE = 2
"""Further ones wait."""


class SchemaChanges:
    """These write to or read from the registry, which may wait: they run in threads."""

    def __init__(self, core: Core) -> None:
        self._core = core
        # Of their own, since a clone takes long: other operations keep their threads.
        self._clone_threads = ThreadPoolExecutor(
            _CLONES_AT_ONCE, thread_name_prefix="tandem-clones"
        )

    async def list_aliases(self, request: shapes.ListAliasesRequest) -> shapes.ListAliasesResponse:
        del request  # it carries nothing
        aliases = await asyncio.to_thread(self._core.aliases.all)
        return shapes.ListAliasesResponse(
            aliases=[shapes.Alias(alias, name) for alias, name in aliases.items()]
        )

    async def set_alias(self, request: shapes.SetAliasRequest) -> None:
        name = self._name(request.feature_group_name)
        await asyncio.to_thread(self._core.aliases.set, request.alias, name)

    async def remove_alias(self, request: shapes.RemoveAliasRequest) -> None:
        await asyncio.to_thread(self._core.aliases.remove, request.alias)

    async def list_retired(
        self, request: shapes.ListRetiredFeaturesRequest
    ) -> shapes.ListRetiredFeaturesResponse:
        name = self._name(request.feature_group_name)
        group = await asyncio.to_thread(self._core.groups.describe, name)
        return shapes.ListRetiredFeaturesResponse(
            retired_features=[
                shapes.RetiredFeature(feature.name, feature.type, feature.retired_at_us / 1e6)
                for feature in group.features
                if feature.retired_at_us is not None
            ]
        )

    async def retire(self, request: shapes.FeatureRequest) -> None:
        name = self._name(request.feature_group_name)
        await asyncio.to_thread(self._core.updates.retire_feature, name, request.feature_name)

    async def restore(self, request: shapes.FeatureRequest) -> None:
        name = self._name(request.feature_group_name)
        await asyncio.to_thread(self._core.updates.restore_feature, name, request.feature_name)

    async def clone(
        self, request: shapes.CloneFeatureGroupRequest
    ) -> shapes.CloneFeatureGroupResponse:
        wanted = CloneRequest(
            source=self._name(request.feature_group_name),
            target=request.target_feature_group_name,
            types=_types(request.feature_types or {}),
            table_format=request.table_format,
            storage_type=request.storage_type,
        )
        clone = await asyncio.get_running_loop().run_in_executor(
            self._clone_threads, self._core.cloning.clone, wanted
        )
        return shapes.CloneFeatureGroupResponse(
            feature_group_arn=feature_group_arn(clone.group.name, self._core.groups.account),
            rows=clone.rows,
            records=clone.records,
        )

    def _name(self, text: str) -> str:
        return feature_group_name(text, self._core.groups.account)


def schema_changes_service(core: Core) -> Service:
    changes = SchemaChanges(core)
    alias, feature = _ALIASES + "/{Alias}", _RETIRED + "/{FeatureName}"
    return Service(
        name="tandem",
        dialect=Dialect.RUNTIME,
        operations=[
            _operation(
                "ListAliases", "GET", _ALIASES, shapes.ListAliasesRequest, changes.list_aliases
            ),
            _operation("SetAlias", "PUT", alias, shapes.SetAliasRequest, changes.set_alias),
            _operation(
                "RemoveAlias", "DELETE", alias, shapes.RemoveAliasRequest, changes.remove_alias
            ),
            _operation(
                "ListRetiredFeatures",
                "GET",
                _RETIRED,
                shapes.ListRetiredFeaturesRequest,
                changes.list_retired,
            ),
            _operation("RetireFeature", "PUT", feature, shapes.FeatureRequest, changes.retire),
            _operation("RestoreFeature", "DELETE", feature, shapes.FeatureRequest, changes.restore),
            _operation(
                "CloneFeatureGroup", "POST", _CLONE, shapes.CloneFeatureGroupRequest, changes.clone
            ),
        ],
    )


def _types(names: Mapping[str, str]) -> Mapping[str, FeatureType]:
    for feature, name in names.items():
        if name not in list(FeatureType):
            raise ValidationError(
                f"1 validation error detected: Value {name[:64]!r} at 'FeatureTypes.{feature[:64]}'"
                " failed to satisfy constraint: Member must satisfy enum value set:"
                f" [{', '.join(FeatureType)}]"
            )
    return {feature: FeatureType(name) for feature, name in names.items()}


def _operation(
    name: str,
    method: str,
    path: str,
    request: type[Any],
    perform: Callable[[Any], Awaitable[msgspec.Struct | None]],
) -> Operation[Any]:
    return Operation(
        name=name, request=request, perform=perform, method=method, path=path, errors=_ERRORS
    )
