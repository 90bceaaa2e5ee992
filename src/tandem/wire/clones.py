"""Clones over HTTP: a feature group with the records and the history of another, in other types.

POST    /tandem/feature-groups/{FeatureGroupName}/clone        {"TargetFeatureGroupName": …}
"""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from tandem.errors import ConflictError, ResourceInUse, ResourceNotFound, ValidationError
from tandem.model.feature_group import FeatureType
from tandem.service.cloning import CloneRequest
from tandem.wire.arns import feature_group_arn, feature_group_name
from tandem.wire.error_table import Dialect
from tandem.wire.operation import Core, Operation, Service
from tandem.wire.shapes import clones as shapes

_CLONES_AT_ONCE = 2
"""Further ones wait."""


class CloneOperations:
    def __init__(self, core: Core) -> None:
        self._core = core
        # Of their own, since a clone takes long: other operations keep their threads.
        self._threads = ThreadPoolExecutor(_CLONES_AT_ONCE, thread_name_prefix="tandem-clones")

    async def clone(
        self, request: shapes.CloneFeatureGroupRequest
    ) -> shapes.CloneFeatureGroupResponse:
        account = self._core.groups.account
        wanted = CloneRequest(
            source=feature_group_name(request.feature_group_name, account),
            target=request.target_feature_group_name,
            types=_types(request.feature_types or {}),
            table_format=request.table_format,
            storage_type=request.storage_type,
        )
        clone = await asyncio.get_running_loop().run_in_executor(
            self._threads, self._core.cloning.clone, wanted
        )
        return shapes.CloneFeatureGroupResponse(
            feature_group_arn=feature_group_arn(clone.group.name, account),
            rows=clone.rows,
            records=clone.records,
        )


def clones_service(core: Core) -> Service:
    return Service(
        name="tandem",
        dialect=Dialect.RUNTIME,
        operations=[
            Operation(
                name="CloneFeatureGroup",
                method="POST",
                path="/tandem/feature-groups/{FeatureGroupName}/clone",
                request=shapes.CloneFeatureGroupRequest,
                perform=CloneOperations(core).clone,
                errors=(ResourceNotFound, ResourceInUse, ConflictError),
            )
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
