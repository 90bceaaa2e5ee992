"""Two servers on one folder: what is changed through one is seen through the other."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import urllib3

from e2e.server_process import ServerProcess

NOON = "2025-06-15T12:00:00Z"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[ServerProcess]]:
    data = tmp_path_factory.mktemp("shared") / "data"
    with ServerProcess(data) as first, ServerProcess(data) as second:
        yield [first, second]


@pytest.fixture
def clients(servers: list[ServerProcess]) -> list[Any]:
    return [server.client("sagemaker") for server in servers]


def create(client: Any, name: str, **more: Any) -> None:
    client.create_feature_group(
        FeatureGroupName=name,
        RecordIdentifierFeatureName="id",
        EventTimeFeatureName="time",
        FeatureDefinitions=[
            {"FeatureName": feature, "FeatureType": "String"} for feature in ("id", "time", "of")
        ],
        **({"OnlineStoreConfig": {"EnableOnlineStore": True}} | more),
    )


def put(server: ServerProcess, group: str, **features: str) -> None:
    values = {"id": "1", "time": NOON, **features}
    server.client("sagemaker-featurestore-runtime").put_record(
        FeatureGroupName=group,
        Record=[{"FeatureName": name, "ValueAsString": text} for name, text in values.items()],
    )


def set_alias(server: ServerProcess, alias: str, group: str) -> None:
    path = f"{server.url}/tandem/aliases/{alias}"
    answer = urllib3.request("PUT", path, json={"FeatureGroupName": group})
    assert answer.status == 200, answer.data


def found(client: Any, resource: str, **filters: str) -> list[Any]:
    wanted = [
        {"Name": name.replace("__", "."), "Operator": "Equals", "Value": value}
        for name, value in filters.items()
    ]
    answer = client.search(Resource=resource, SearchExpression={"Filters": wanted})
    return [result[resource] for result in answer["Results"]]


def test_a_search_finds_what_the_other_has_changed(clients: list[Any]) -> None:
    for turn in range(6):  # each server writes as often as it reads
        writing, reading = clients[turn % 2], clients[1 - turn % 2]
        name = f"searched-{turn}"
        create(writing, name, Description=f"of turn {turn}")
        (group,) = found(reading, "FeatureGroup", FeatureGroupName=name)
        assert group["Description"] == f"of turn {turn}"
        writing.add_tags(
            ResourceArn=group["FeatureGroupArn"], Tags=[{"Key": "turn", "Value": str(turn)}]
        )
        assert len(found(reading, "FeatureGroup", Tags__turn=str(turn))) == 1
        writing.update_feature_group(
            FeatureGroupName=name,
            FeatureAdditions=[{"FeatureName": f"added-{turn}", "FeatureType": "Integral"}],
        )
        writing.update_feature_metadata(
            FeatureGroupName=name, FeatureName=f"added-{turn}", Description=f"said in {turn}"
        )
        (feature,) = found(reading, "FeatureMetadata", Description=f"said in {turn}")
        assert (feature["FeatureGroupName"], feature["FeatureName"]) == (name, f"added-{turn}")
        writing.delete_feature_group(FeatureGroupName=name)
        assert found(reading, "FeatureGroup", FeatureGroupName=name) == []


def test_a_page_of_one_is_followed_by_the_next_of_the_other(clients: list[Any]) -> None:
    names = [f"paged-{number}" for number in range(5)]
    for name in names:
        create(clients[0], name)
    seen: list[str] = []
    token: dict[str, str] = {}
    for turn in range(5):
        page = clients[turn % 2].list_feature_groups(
            NameContains="paged-", SortBy="Name", SortOrder="Ascending", MaxResults=1, **token
        )
        seen += [group["FeatureGroupName"] for group in page["FeatureGroupSummaries"]]
        token = {"NextToken": page["NextToken"]} if "NextToken" in page else {}
    assert seen == names
    assert not token


def test_an_alias_is_switched_for_the_readers_of_both(
    servers: list[ServerProcess], clients: list[Any]
) -> None:
    for name in ("version-1", "version-2"):
        create(clients[0], name)
        put(servers[0], name, of=name)
    set_alias(servers[0], "current", "version-1")
    is_done = threading.Event()

    answers: list[tuple[float, float, str]] = []

    def read(server: ServerProcess) -> None:
        runtime = server.client("sagemaker-featurestore-runtime")
        while not is_done.is_set():
            begun = time.monotonic()
            record = runtime.get_record(
                FeatureGroupName="current", RecordIdentifierValueAsString="1"
            )["Record"]
            answers.append((begun, time.monotonic(), record[2]["ValueAsString"]))

    switches: list[tuple[float, float, str]] = [(0.0, time.monotonic(), "version-1")]
    with ThreadPoolExecutor(4) as readers:
        reading = [readers.submit(read, server) for server in (*servers, *servers)]
        try:
            for turn in range(1_000):
                if turn >= 40 and len(answers) > 100:
                    break
                target = f"version-{2 - turn % 2}"
                begun = time.monotonic()
                set_alias(servers[turn // 2 % 2], "current", target)
                switches.append((begun, time.monotonic(), target))
                time.sleep(0.02)
        finally:
            is_done.set()
        for future in reading:
            future.result()
    assert len(answers) > 100
    for begun, ended, version in answers:
        # The switch that had returned when the request began, or one that was under way since.
        last = max(n for n, (_, returned, _) in enumerate(switches) if returned <= begun)
        since = [target for called, _, target in switches[last + 1 :] if called <= ended]
        assert version in (switches[last][2], *since), (begun, ended, version, switches)


def test_names_that_make_one_table_stay_apart(clients: list[Any]) -> None:
    offline = {
        "OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": "s3://bucket/history"}},
        "RoleArn": "arn:aws:iam::000000000000:role/tandem",
    }
    names = [["t-a-b", "t_a_b"], ["t-a_b", "t_a-b"], ["T-a-b", "t-A-b"], ["t-a-B", "T_a_b"]]
    with ThreadPoolExecutor(8) as callers:
        list(callers.map(lambda pair: [create(c, n, **offline) for c, n in pair],
                         [list(zip(clients, pair, strict=True)) for pair in names]))  # fmt: skip
    tables = [
        clients[0].describe_feature_group(FeatureGroupName=name)["OfflineStoreConfig"][
            "DataCatalogConfig"
        ]["TableName"]
        for pair in names
        for name in pair
    ]
    assert len(set(tables)) == len(tables) == 8
