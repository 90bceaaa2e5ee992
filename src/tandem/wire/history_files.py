"""The files of a history over HTTP: those there are, and those that other programs put there.

GET     /tandem/feature-groups/{FeatureGroupName}/history-files
POST    /tandem/feature-groups/{FeatureGroupName}/adopt-files      {"TargetStores": […]}
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from operator import or_
from typing import Any, TypeVar

from tandem.errors import ConflictError, ResourceNotFound
from tandem.model.targets import TARGET_STORES_BY_NAME
from tandem.wire.arns import feature_group_name
from tandem.wire.error_table import Dialect
from tandem.wire.operation import Core, Operation, Service
from tandem.wire.shapes import history_files as shapes

_Answer = TypeVar("_Answer")
_PATH = "/tandem/feature-groups/{FeatureGroupName}"
_ERRORS = (ResourceNotFound, ConflictError)
_CALLS_AT_ONCE = 4
"""Further ones wait."""


class HistoryFileOperations:
    def __init__(self, core: Core) -> None:
        self._core = core
        # Of their own, since they wait for files and for delivery.
        self._threads = ThreadPoolExecutor(_CALLS_AT_ONCE, thread_name_prefix="tandem-files")

    async def adopt(self, request: shapes.AdoptFilesRequest) -> shapes.AdoptFilesResponse:
        targets = None
        if request.target_stores:
            stores = [TARGET_STORES_BY_NAME[store.value] for store in request.target_stores]
            targets = reduce(or_, stores)
        name = self._name(request.feature_group_name)
        done = await self._in_thread(self._core.adoption.adopt, name, targets)
        return shapes.AdoptFilesResponse(
            adopted=[
                shapes.AdoptedFile(
                    path=file.path, rows=file.rows, size_bytes=file.size_bytes, digest=file.digest
                )
                for file in done.adopted
            ],
            repeated=list(done.repeated),
            refused=[
                shapes.RefusedFile(
                    group_id=file.group_id,
                    path=file.path,
                    kept_at=file.kept_at,
                    reason=file.reason,
                    since=file.since_us / 1e6,
                )
                for file in done.refused
            ],
            waiting=[
                shapes.WaitingFile(
                    path=file.path, reason=file.reason, still_seconds=file.still_seconds
                )
                for file in done.waiting
            ],
        )

    async def list(
        self, request: shapes.ListHistoryFilesRequest
    ) -> shapes.ListHistoryFilesResponse:
        name = self._name(request.feature_group_name)
        files = await self._in_thread(self._core.history_files.of, name)
        return shapes.ListHistoryFilesResponse(
            uris=[*files.uris], iceberg_metadata=files.iceberg_metadata
        )

    def _name(self, text: str) -> str:
        return feature_group_name(text, self._core.groups.account)

    async def _in_thread(self, work: Callable[..., _Answer], *arguments: Any) -> _Answer:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)


def history_files_service(core: Core) -> Service:
    files = HistoryFileOperations(core)
    return Service(
        name="tandem",
        dialect=Dialect.RUNTIME,
        operations=[
            Operation(
                name="ListHistoryFiles",
                method="GET",
                path=_PATH + "/history-files",
                request=shapes.ListHistoryFilesRequest,
                perform=files.list,
                errors=_ERRORS,
            ),
            Operation(
                name="AdoptFiles",
                path=_PATH + "/adopt-files",
                request=shapes.AdoptFilesRequest,
                perform=files.adopt,
                errors=_ERRORS,
            ),
        ],
    )
