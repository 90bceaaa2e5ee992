"""Operations that another process performs: what is passed on, and what is answered here."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tandem.assembly.core import Core
from tandem.assembly.settings import Settings
from tandem.errors import AccessForbidden, AnswerLost, StoreUnavailable
from tandem.wire.dataset_api import DatasetApi
from tandem.wire.http import Request, Response
from tandem.wire.operation import Place, Service
from tandem.wire.router import Router
from tandem.wire.tandem_api import TandemApi

from . import bench

ELSEWHERE = Response(299, [("x-amzn-RequestId", "theirs")], b"elsewhere")


class Other:
    """The other process: answers, or is not there, or ends meanwhile."""

    def __init__(self) -> None:
        self.asked: list[tuple[Request, Place]] = []
        self.failure: Exception | None = None

    async def answer(self, request: Request, place: Place) -> Response:
        self.asked.append((request, place))
        if self.failure is not None:
            raise self.failure
        return ELSEWHERE


@pytest.fixture
def other() -> Other:
    return Other()


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Any:
    memory = {"online_store": "memory", "offline_store": "memory", "registry": "memory"}
    data: Path = tmp_path_factory.mktemp("elsewhere")
    core = Core(Settings(data=data, query_engine="memory", **memory), in_background=False)
    yield core
    core.close()


def router(core: Core, other: Other, **more: Any) -> Router:
    extensions = [TandemApi(core), DatasetApi(core)]
    return Router(core, extensions=extensions, ask=other.answer, **more)


def athena(operation: str, **members: Any) -> Request:
    headers = {"x-amz-target": f"AmazonAthena.{operation}"}
    return Request("POST", b"/", b"", headers, json.dumps(members).encode(), "id")


def answered(router: Router, request: Request) -> Response:
    return asyncio.run(bench.answered(router, request))


def own(method: str, path: str, body: bytes = b"") -> Request:
    return Request(method, path.encode(), b"", {}, body, "id")


@pytest.mark.parametrize(
    "request_",
    [
        athena("StartQueryExecution", QueryString="SELECT 1"),
        athena("CreatePreparedStatement"),
        athena("UpdatePreparedStatement"),
        own("POST", "/tandem/query", b"not even JSON"),
        own("POST", "/tandem/training-set", b"labels"),
        own("POST", "/tandem/latest"),
        own("POST", "/tandem/datasets/ds-1/rebuild"),
    ],
    ids=lambda request: request.headers.get("x-amz-target", request.raw_path.decode()),
)
def test_what_may_be_heavy_is_passed_on_as_it_came(
    core: Core, other: Other, request_: Request
) -> None:
    assert answered(router(core, other), request_) is ELSEWHERE
    assert other.asked == [(request_, Place.QUERIES)]
    other.failure = AnswerLost("gone")
    answer = answered(router(core, other), request_)
    assert answer.status == 503
    assert ("x-tandem-error", "AnswerLost") in answer.headers


@pytest.mark.parametrize("failure", [StoreUnavailable("not there"), AnswerLost("gone")])
def test_what_is_stored_is_told_here_where_the_process_is_not_there(
    core: Core, other: Other, failure: Exception
) -> None:
    asked = athena("ListQueryExecutions")
    assert answered(router(core, other), asked) is ELSEWHERE
    other.failure = failure
    answer = answered(router(core, other), asked)
    assert (answer.status, answer.body) == (200, b'{"QueryExecutionIds":[]}')
    assert other.asked == [(asked, Place.QUERIES_WHERE_IT_RUNS)] * 2
    answer = answered(router(core, other), athena("GetQueryExecution", QueryExecutionId="none"))
    assert b"InvalidRequestException" in answer.body


def test_all_else_is_answered_here(core: Core, other: Other) -> None:
    asked = [athena("ListWorkGroups"), own("GET", "/tandem/server"), own("GET", "/tandem/datasets")]
    for request in asked:
        assert (answered(router(core, other), request)).status == 200
    assert other.asked == []


def test_who_may_not_ask_is_not_passed_on(core: Core, other: Other) -> None:
    def refuse(request: Request, service: Service) -> None:
        raise AccessForbidden(f"{service.name} is not for {request.method}")

    refusing = router(core, other, authenticate=refuse)
    answer = answered(refusing, athena("StartQueryExecution", QueryString="SELECT 1"))
    assert answer.status == 400
    assert other.asked == []
