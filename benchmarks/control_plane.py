"""The control plane with many feature groups: how long creation, description, listing and search
take over HTTP, one request at a time.

Twice: while nothing changes, and while every tenth request is preceded by a change of a tag, since
what is kept in memory between changes must be brought up to date then.
"""

import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import urllib3
from rich.console import Console
from rich.table import Table

from benchmarks.server import running

GROUPS = 1_000
FEATURES = 50
REQUESTS = 300
CHANGE_EVERY = 10
LIMIT_MS = {"CreateFeatureGroup": 100}
LIMIT_MS_OF_OTHERS = 50


class ControlPlane:
    """AWS JSON over one connection that stays open."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = urllib3.PoolManager(maxsize=1)

    def __call__(self, operation: str, request: Mapping[str, Any]) -> bytes:
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"SageMaker.{operation}",
        }
        response = self._pool.request(
            "POST", self._url, body=json.dumps(request).encode(), headers=headers
        )
        assert response.status == 200, response.data
        return response.data


def name_of(number: int) -> str:
    return f"team-{number % 20}-features-{number:04}"


def definition(number: int) -> Mapping[str, Any]:
    types = ("Fractional", "Integral", "String")
    features = [
        {"FeatureName": f"feature_{index}_of_{number}", "FeatureType": types[index % 3]}
        for index in range(FEATURES - 2)
    ]
    return {
        "FeatureGroupName": name_of(number),
        "RecordIdentifierFeatureName": "customer_id",
        "EventTimeFeatureName": "event_time",
        "FeatureDefinitions": [
            {"FeatureName": "customer_id", "FeatureType": "String"},
            {"FeatureName": "event_time", "FeatureType": "String"},
            *features,
        ],
        "OnlineStoreConfig": {"EnableOnlineStore": True},
        "OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": "s3://benchmark/features"}},
        "RoleArn": "arn:aws:iam::123456789012:role/benchmark",
        "Tags": [{"Key": "team", "Value": f"team-{number % 20}"}],
    }


def condition(name: str, operator: str, value: str) -> Mapping[str, str]:
    return {"Name": name, "Operator": operator, "Value": value}


def search(resource: str, *conditions: Mapping[str, str], **others: Any) -> Mapping[str, Any]:
    return {"Resource": resource, "SearchExpression": {"Filters": conditions}, **others}


def requests(number: int) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """One request of each kind; `number` makes each one different."""
    team, feature = f"team-{number % 20}", f"feature_7_of_{number % GROUPS}"
    by_name = {"SortBy": "Name", "MaxResults": 100}
    return {
        "DescribeFeatureGroup": ("DescribeFeatureGroup", {"FeatureGroupName": name_of(number)}),
        "ListFeatureGroups, newest 100": (
            "ListFeatureGroups",
            {"SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": 100},
        ),
        "ListFeatureGroups, by name": (
            "ListFeatureGroups",
            {"NameContains": f"-{number % 100:02}", **by_name},
        ),
        "Search groups, by tag": (
            "Search",
            search("FeatureGroup", condition("Tags.team", "Equals", team), MaxResults=10),
        ),
        "Search groups, by feature": (
            "Search",
            search(
                "FeatureGroup", condition("FeatureDefinitions.FeatureName", "Contains", feature)
            ),
        ),
        "Search features, two filters": (
            "Search",
            search(
                "FeatureMetadata",
                condition("FeatureName", "Contains", f"_{number % 50}_of_"),
                condition("FeatureType", "Equals", "String"),
            ),
        ),
        "Search features, sorted by name": (
            "Search",
            search(
                "FeatureMetadata",
                condition("FeatureName", "Contains", "feature"),
                SortBy="FeatureName",
                SortOrder="Ascending",
            ),
        ),
    }


def run() -> None:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "data") as server:
        call = ControlPlane(server.url)
        created = [
            _milliseconds(lambda n=number: call("CreateFeatureGroup", definition(n)))
            for number in range(GROUPS)
        ]
        quiet = _measure(call, change_every=None)
        changing = _measure(call, change_every=CHANGE_EVERY)
    # The last ones, when nearly all groups are there.
    _print({"CreateFeatureGroup": created[-200:], **quiet}, changing)


def _measure(call: ControlPlane, change_every: int | None) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    sent = itertools.count(1)
    for number in range(REQUESTS):
        for kind, (operation, request) in requests(number).items():
            if change_every is not None and next(sent) % change_every == 0:
                _change(call, number)
            took = _milliseconds(lambda o=operation, r=request: call(o, r))
            found.setdefault(kind, []).append(took)
    return found


def _change(call: ControlPlane, number: int) -> None:
    described = json.loads(call("DescribeFeatureGroup", {"FeatureGroupName": name_of(number)}))
    tag = {"Key": "run", "Value": str(number)}
    call("AddTags", {"ResourceArn": described["FeatureGroupArn"], "Tags": [tag]})


def _milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1_000


def _print(quiet: Mapping[str, list[float]], changing: Mapping[str, list[float]]) -> None:
    table = Table(title=f"Control plane, {GROUPS:,} feature groups of {FEATURES} features, ms")
    for column in ("request", "p50", "p99", "p50, changing", "p99, changing", "limit of p99"):
        table.add_column(column)
    for kind, times in quiet.items():
        limit = LIMIT_MS.get(kind, LIMIT_MS_OF_OTHERS)
        others = changing.get(kind)
        shown = [*_shown(times), *(_shown(others) if others else ("", ""))]
        table.add_row(kind, *shown, str(limit))
    Console(width=120).print(table)


def _shown(times: list[float]) -> tuple[str, str]:
    return f"{statistics.median(times):.1f}", f"{statistics.quantiles(times, n=100)[98]:.1f}"
