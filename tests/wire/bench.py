"""A router over a store in memory, and ways to speak to it as botocore does.

`Bench.send` writes a request with botocore's own serializer, without its checks, so that tests can
send what a real client would refuse to send.
"""

import asyncio
import itertools
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import botocore.session
from botocore.model import OperationModel, ServiceModel, Shape
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from botocore.utils import percent_encode_sequence

from tandem.assembly.buckets import BucketsInMemory
from tandem.assembly.presence import Presence
from tandem.offline.memory import MemoryOfflineStore
from tandem.offline.objects import ObjectStore
from tandem.online.memory import MemoryOnlineStore
from tandem.query.duckdb import DuckDbEngine
from tandem.registry.memory import MemoryRegistry
from tandem.service.aliases import Aliases
from tandem.service.athena import Athena, AthenaParts
from tandem.service.athena.executions import ExecutionLimits
from tandem.service.batch_get import BatchGet
from tandem.service.catalog import Catalog
from tandem.service.cloning import Cloning
from tandem.service.definitions import Definitions
from tandem.service.delivery import Delivery, DeliveryLimits
from tandem.service.feature_group_updates import FeatureGroupUpdates
from tandem.service.feature_groups import FeatureGroups
from tandem.service.feature_vectors import FeatureVectors
from tandem.service.group_commit import GroupCommit
from tandem.service.history_tables import HistoryTables
from tandem.service.iceberg_tables import IcebergTables
from tandem.service.placement import Account
from tandem.service.queries import Queries
from tandem.service.records import Records
from tandem.service.role_sessions import RoleSessions
from tandem.service.roles import Roles
from tandem.service.search import Search
from tandem.service.throughput import Throughput
from tandem.service.usage import Usage, UsageParts
from tandem.wire.http import Request, Response
from tandem.wire.router import Router
from tandem.wire.vector_api import VectorApi

RUNTIME = "sagemaker-featurestore-runtime"
SAGEMAKER = "sagemaker"
STS = "sts"
IAM = "iam"
ATHENA = "athena"
BUCKET = "results"
GLUE = "glue"
ACCOUNT = Account("123456789012", "eu-west-1")
ROLE = "arn:aws:iam::123456789012:role/feature-store"
START_US = 1_750_000_000_000_000
_request_ids = itertools.count(1)
_session = botocore.session.get_session()
_models: dict[str, ServiceModel] = {}


def service_model(service: str) -> ServiceModel:
    if service not in _models:
        _models[service] = _session.get_service_model(service)
    return _models[service]


def pattern_in_python(shape: Shape) -> str:
    """The pattern of a text: characters beyond 16 bits are one, and it is not anchored."""
    pattern: str = shape.metadata.get("pattern", "").removeprefix("^").removesuffix("$")
    return pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")


@dataclass(frozen=True)
class Answer:
    """A response as botocore's parser reads it."""

    status: int
    parsed: dict[str, Any]
    response: Response

    @property
    def code(self) -> str | None:
        return self.parsed.get("Error", {}).get("Code")

    @property
    def message(self) -> str:
        return self.parsed.get("Error", {}).get("Message", "")


async def answered(router: Router, request: Request) -> Response:
    begun = router.begin(request)
    return begun if isinstance(begun, Response) else await begun


class Postponed:
    """What takes a while to make, and few tests need: made when it is first used."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    @cached_property
    def made(self) -> Any:
        return self._make()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.made, name)

    def close(self) -> None:
        if "made" in vars(self):
            self.made.close()


class Bench:
    """The whole stack below HTTP, with a clock that tests move by hand."""

    def __init__(self, store: MemoryOnlineStore | None = None) -> None:
        self.now_us = START_US
        self.store = store or MemoryOnlineStore()
        self._commits = GroupCommit(self.store, self.clock)
        self.registry = MemoryRegistry()
        self.offline = MemoryOfflineStore()
        definitions = Definitions(self.registry)
        groups = FeatureGroups(self.registry, definitions, self.offline, self.clock, ACCOUNT)
        updates = FeatureGroupUpdates(groups, self.clock)
        histories = HistoryTables(
            self.registry, self.registry, definitions, self.offline, self.clock
        )
        throughput = self._throughput(groups, definitions)
        records = Records(groups, self.store, self._commits, throughput, self.clock)
        roles = Roles(self.registry, self.clock)
        catalog = Catalog(self.registry, histories, self.clock)
        self._folder = TemporaryDirectory()
        folder = Path(self._folder.name)
        self.objects = Postponed(lambda: with_a_bucket(folder, definitions))
        self._engine = Postponed(
            lambda: DuckDbEngine(folder / "s3", folder / "scratch", memory_bytes=256 << 20)
        )
        queries = Queries(self.store, self.offline, definitions, self._engine, self.clock)
        self.presence = Presence(folder / "processes")
        parts = AthenaParts(
            self.registry,
            catalog,
            queries,
            IcebergTables(self.offline, self._delivery()),
            self._engine,
            lambda: self.objects,
            self.clock,
        )
        limits = ExecutionLimits(at_once=2, seconds_max=60, kept_max=100, memory_bytes=256 << 20)
        self.core = SimpleNamespace(
            online=self.store,
            athena=Athena(parts, self.presence, limits),
            groups=groups,
            updates=updates,
            aliases=Aliases(self.registry, definitions),
            cloning=Cloning(groups, records, self.store, self.offline, self.clock),
            search=Search(definitions.live, ACCOUNT),
            commits=self._commits,
            records=records,
            usage=self.usage,
            batch_get=BatchGet(groups, self.store, throughput, self.clock),
            feature_vectors=FeatureVectors(groups, self.store, throughput, self.clock),
            roles=roles,
            role_sessions=RoleSessions(roles, ACCOUNT, b"s" * 32, self.clock),
            catalog=catalog,
            definitions=definitions,
        )
        self.router = Router(self.core, token_key=b"k" * 32, extensions=[VectorApi(self.core)])
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def _delivery(self) -> Delivery:
        limits = DeliveryLimits(entries_max=1_000, bytes_max=1 << 20)
        registry = self.registry
        return Delivery(self.store, self.offline, registry, registry, limits, self.clock)

    def _throughput(self, groups: FeatureGroups, definitions: Definitions) -> Throughput:
        buckets = BucketsInMemory(self.clock)
        throughput = Throughput(definitions.of_id, buckets)
        parts = UsageParts(
            throughput=throughput,
            buckets=buckets,
            registry=self.registry,
            groups=groups,
            definitions=definitions,
            online=self.store,
            offline=self.offline,
            clock=self.clock,
        )
        self.usage = Usage(parts)
        return throughput

    def clock(self) -> int:
        return self.now_us

    def close(self) -> None:
        async def stop() -> None:
            await self._loop.shutdown_default_executor()

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self.usage.close()
        self._commits.close()
        self.core.athena.close()
        self._engine.close()
        self.objects.close()
        self.presence.close()
        self._folder.cleanup()

    def answer(self, request: Request) -> Response:
        return asyncio.run_coroutine_threadsafe(answered(self.router, request), self._loop).result(
            60
        )

    def raw(
        self,
        method: str,
        path: bytes,
        *,
        query: bytes = b"",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Response:
        request_id = f"request-{next(_request_ids)}"
        return self.answer(Request(method, path, query, dict(headers or {}), body, request_id))

    def send(self, service: str, operation: str, **params: Any) -> Answer:
        model = service_model(service).operation_model(operation)
        return parse(model, self.answer(serialize(model, params)))

    def log_end(self) -> int:
        with self.store.log() as log:
            return log.end(0)


def with_a_bucket(folder: Path, definitions: Definitions) -> ObjectStore:
    objects = ObjectStore(folder / "s3", folder / "s3.sqlite", definitions.live)
    objects.buckets.create(BUCKET)
    return objects


def serialize(model: OperationModel, params: dict[str, Any]) -> Request:
    """The request that botocore would send for `params`, valid or not."""
    protocol = model.service_model.resolved_protocol
    serializer = create_serializer(protocol, include_validation=False)
    made = serializer.serialize_to_request(params, model)
    body = made["body"]
    if isinstance(body, dict):
        body = percent_encode_sequence(body)
    path, _, fixed = made["url_path"].partition("?")
    assert not fixed
    return Request(
        method=made["method"],
        raw_path=quote(path, safe="/%-._~").encode(),
        query=percent_encode_sequence(made["query_string"] or {}).encode(),
        headers={name.lower(): value for name, value in made["headers"].items()},
        body=body if isinstance(body, bytes) else body.encode(),
        request_id=f"request-{next(_request_ids)}",
    )


def parse(model: OperationModel, response: Response) -> Answer:
    """The answer as botocore's own parser reads it."""
    parser = create_parser(model.service_model.resolved_protocol)
    headers = {name.lower(): value for name, value in response.headers}
    read = {"status_code": response.status, "headers": headers, "body": response.body}
    parsed = parser.parse(read, model.output_shape)
    if response.status >= 300 and response.body[:1] == b"{":
        json.loads(response.body)
    return Answer(response.status, parsed, response)


class Endpoint:
    """The router behind a plain HTTP server on a free port, for real clients."""

    def __init__(self, bench: Bench) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                path, _, query = self.path.partition("?")
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request_id = f"request-{next(_request_ids)}"
                response = bench.answer(
                    Request(self.command, path.encode(), query.encode(), headers, body, request_id)
                )
                self.send_response(response.status)
                for name, value in response.headers:
                    self.send_header(name, value)
                self.send_header("content-length", str(len(response.body)))
                self.end_headers()
                self.wfile.write(response.body)

            do_GET = do_PUT = do_POST = do_DELETE = answer  # noqa: N815 - http.server's names

            def log_message(self, *args: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def value(name: str, text: str | list[str]) -> dict[str, Any]:
    """One FeatureValue of a request."""
    member = "ValueAsString" if isinstance(text, str) else "ValueAsStringList"
    return {"FeatureName": name, member: text}


def record(**features: str | list[str]) -> list[dict[str, Any]]:
    return [value(name, text) for name, text in features.items()]


def definition(name: str, feature_type: str = "String", **more: Any) -> dict[str, Any]:
    return {"FeatureName": name, "FeatureType": feature_type, **more}


def group_request(name: str, *, storage: str | None = None, **more: Any) -> dict[str, Any]:
    """A CreateFeatureGroup request with one feature of each type; online only."""
    online: dict[str, Any] = {"EnableOnlineStore": True}
    if storage is not None:
        online["StorageType"] = storage
    return {
        "FeatureGroupName": name,
        "RecordIdentifierFeatureName": "id",
        "EventTimeFeatureName": "time",
        "FeatureDefinitions": [
            definition("id"),
            definition("time"),
            definition("whole", "Integral"),
            definition("real", "Fractional"),
            definition("text"),
        ],
        "OnlineStoreConfig": online,
        **more,
    }


OFFLINE = {"S3StorageConfig": {"S3Uri": "s3://bucket/features/"}}
