"""Aliases over HTTP: names that readers use, which AWS's API does not have.

GET     /tandem/aliases
PUT     /tandem/aliases/{Alias}        {"FeatureGroupName": …}
DELETE  /tandem/aliases/{Alias}
"""

import asyncio

from tandem.errors import ResourceInUse, ResourceNotFound
from tandem.wire.arns import feature_group_name
from tandem.wire.error_table import Dialect
from tandem.wire.operation import Core, Operation, Service
from tandem.wire.shapes import aliases as shapes

_PATH = "/tandem/aliases"
_ERRORS = (ResourceNotFound, ResourceInUse)


class AliasOperations:
    """These write to or read from the registry, which may wait: they run in threads."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def list(self, request: shapes.ListAliasesRequest) -> shapes.ListAliasesResponse:
        del request  # it carries nothing
        aliases = await asyncio.to_thread(self._core.aliases.all)
        return shapes.ListAliasesResponse(
            aliases=[shapes.Alias(alias, name) for alias, name in aliases.items()]
        )

    async def set(self, request: shapes.SetAliasRequest) -> None:
        name = feature_group_name(request.feature_group_name, self._core.groups.account)
        await asyncio.to_thread(self._core.aliases.set, request.alias, name)

    async def remove(self, request: shapes.RemoveAliasRequest) -> None:
        await asyncio.to_thread(self._core.aliases.remove, request.alias)


def aliases_service(core: Core) -> Service:
    aliases = AliasOperations(core)
    return Service(
        name="tandem",
        dialect=Dialect.RUNTIME,
        operations=[
            Operation(
                name="ListAliases",
                method="GET",
                path=_PATH,
                request=shapes.ListAliasesRequest,
                perform=aliases.list,
                errors=_ERRORS,
            ),
            Operation(
                name="SetAlias",
                method="PUT",
                path=_PATH + "/{Alias}",
                request=shapes.SetAliasRequest,
                perform=aliases.set,
                errors=_ERRORS,
            ),
            Operation(
                name="RemoveAlias",
                method="DELETE",
                path=_PATH + "/{Alias}",
                request=shapes.RemoveAliasRequest,
                perform=aliases.remove,
                errors=_ERRORS,
            ),
        ],
    )
