"""boto3 against a real server: the outcome of each call is what AWS's would be.

The calls and their outcomes are the table `expected_calls`. Beside it: the paginators that boto3
has for these services (it has no waiter for feature groups), and two servers on one folder.
"""

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from e2e.expected_calls import (
    ABSENT,
    ARN,
    CONTROL,
    FEATURES,
    NOON,
    PRESENT,
    RUNTIME,
    SCENES,
    Call,
    Refused,
    create,
    record,
)
from e2e.server_process import ServerProcess

SEEN_SECONDS_MAX = 30.0
"""Another process sees a change within a second; the rest is for a busy machine."""


def differences(expected: Any, got: Any, place: str) -> Iterator[str]:
    """Where `got` is not as expected; members that are not expected may be there."""
    if isinstance(expected, dict) and isinstance(got, dict):
        for name, value in expected.items():
            if value is ABSENT:
                if name in got:
                    yield f"{place}.{name} is there: {got[name]!r}"
            elif name not in got:
                yield f"{place}.{name} is missing"
            elif value is not PRESENT:
                yield from differences(value, got[name], f"{place}.{name}")
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for index, (one, other) in enumerate(zip(expected, got, strict=True)):
            yield from differences(one, other, f"{place}[{index}]")
    elif expected != got:
        yield f"{place}: {got!r} instead of {expected!r}"


def outcome(server: ServerProcess, call: Call) -> dict[str, Any] | Refused:
    client = server.client(call.service)
    try:
        answer: dict[str, Any] = getattr(client, call.method)(**call.arguments)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        said = error.response["Error"]
        return Refused(said["Code"], status, said["Message"])
    finally:
        client.close()
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    return answer


@pytest.mark.parametrize("scene", SCENES)
def test_outcomes_are_those_of_aws(server: ServerProcess, scene: str) -> None:
    wrong = []
    for number, call in enumerate(SCENES[scene], 1):
        got = outcome(server, call)
        place = f"{number}. {call.method}"
        if isinstance(call.outcome, Refused) and isinstance(got, Refused):
            if got[:2] != call.outcome[:2] or call.outcome.said not in got.said:
                wrong.append(f"{place}: {got} instead of {call.outcome}")
        elif isinstance(call.outcome, Refused) or isinstance(got, Refused):
            wrong.append(f"{place}: {got} instead of {call.outcome}")
        else:
            wrong += differences(call.outcome, got, place)
    assert not wrong, "\n".join(wrong)


def test_the_table_is_long_and_leaves_no_operation_out(server: ServerProcess) -> None:
    calls = [call for scene in SCENES.values() for call in scene]
    assert len(calls) > 60
    methods = {call.method for call in calls}
    runtime = server.client(RUNTIME)
    assert methods >= set(runtime.meta.method_to_api_mapping)
    about = ("feature_group", "feature_metadata", "tags", "search")
    control = server.client(CONTROL).meta.method_to_api_mapping
    assert methods >= {name for name in control if name.endswith(about) and name != "list_tags"}
    assert {"list_tags", "list_feature_groups", "get_search_suggestions"} <= methods
    refused = [call for call in calls if isinstance(call.outcome, Refused)]
    assert len(refused) > 30


def test_a_comparison_finds_what_differs() -> None:
    """The table would be worth nothing if the comparison let all pass."""
    got = {"a": 1, "b": [{"c": "x"}], "d": None}
    assert not list(differences({"a": 1, "b": [{"c": "x"}], "e": ABSENT, "d": PRESENT}, got, ""))
    for expected in ({"a": 2}, {"b": []}, {"b": [{"c": "y"}]}, {"a": ABSENT}, {"e": PRESENT}):
        assert len(list(differences(expected, got, ""))) == 1


def test_paginators(server: ServerProcess) -> None:
    control, runtime = server.client(CONTROL), server.client(RUNTIME)
    names = [f"paged-{number}" for number in range(5)]
    for name in names:
        tags = [{"Key": "team", "Value": name}]
        control.create_feature_group(**create(name, Tags=tags).arguments)

    def every(client: Any, operation: str, member: str, **arguments: Any) -> tuple[list[Any], int]:
        pages = list(client.get_paginator(operation).paginate(**arguments))
        return [one for page in pages for one in page[member]], len(pages)

    groups, pages = every(
        control,
        "list_feature_groups",
        "FeatureGroupSummaries",
        NameContains="paged",
        SortBy="Name",
        PaginationConfig={"PageSize": 2},
    )
    assert ([group["FeatureGroupName"] for group in groups], pages) == (names, 3)
    paged = {"Filters": [{"Name": "FeatureGroupName", "Operator": "Contains", "Value": "paged"}]}
    hits, pages = every(
        control,
        "search",
        "Results",
        Resource="FeatureGroup",
        SearchExpression=paged,
        SortBy="CreationTime",
        SortOrder="Ascending",
        PaginationConfig={"PageSize": 2},
    )
    assert ([hit["FeatureGroup"]["FeatureGroupName"] for hit in hits], pages) == (names, 3)
    tags, pages = every(control, "list_tags", "Tags", ResourceArn=f"{ARN}paged-0")
    assert (tags, pages) == ([{"Key": "team", "Value": "paged-0"}], 1)
    for number in range(5):
        runtime.put_record(FeatureGroupName="paged-0", Record=record(id=str(number), time=NOON))
    found, pages = every(
        runtime,
        "list_records",
        "RecordIdentifiers",
        FeatureGroupName="paged-0",
        PaginationConfig={"PageSize": 2},
    )
    assert (sorted(found), pages) == (["0", "1", "2", "3", "4"], 3)


@pytest.fixture(scope="module")
def pair(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[ServerProcess, ServerProcess]]:
    """Two servers on one folder."""
    data = tmp_path_factory.mktemp("pair") / "data"
    with ServerProcess(data) as first, ServerProcess(data) as second:
        yield first, second


def wait_until(is_seen: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SEEN_SECONDS_MAX
    while not is_seen():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_servers_on_one_folder_see_each_others_changes(
    pair: tuple[ServerProcess, ServerProcess],
) -> None:
    (control, other), (runtime, _) = (
        [server.client(service) for server in pair] for service in (CONTROL, RUNTIME)
    )
    other_runtime = pair[1].client(RUNTIME)
    # A group that the other process has never heard of is there at once.
    control.create_feature_group(**create("shared").arguments)
    assert other.describe_feature_group(FeatureGroupName="shared")["FeatureDefinitions"] == FEATURES
    other_runtime.put_record(FeatureGroupName="shared", Record=record(id="1", time=NOON))
    key = {"FeatureGroupName": "shared", "RecordIdentifierValueAsString": "1"}
    assert runtime.get_record(**key)["Record"] == record(id="1", time=NOON)
    # A change of one that it knows, within a second; listings, at once.
    control.update_feature_group(
        FeatureGroupName="shared",
        FeatureAdditions=[{"FeatureName": "shop", "FeatureType": "String"}],
    )

    def has_shop() -> bool:
        described = other.describe_feature_group(FeatureGroupName="shared")
        return described["FeatureDefinitions"][-1]["FeatureName"] == "shop"

    wait_until(has_shop)
    grown = record(id="1", time=NOON, shop="x")
    other_runtime.put_record(FeatureGroupName="shared", Record=grown)
    assert runtime.get_record(**key)["Record"] == grown
    control.add_tags(ResourceArn=f"{ARN}shared", Tags=[{"Key": "team", "Value": "a"}])
    found = other.search(
        Resource="FeatureGroup",
        SearchExpression={"Filters": [{"Name": "Tags.team", "Value": "a"}]},
    )
    assert [one["FeatureGroup"]["FeatureGroupName"] for one in found["Results"]] == ["shared"]
    control.delete_feature_group(FeatureGroupName="shared")
    assert other.list_feature_groups(NameContains="shared")["FeatureGroupSummaries"] == []

    def is_gone() -> bool:
        try:
            other_runtime.get_record(**key)
        except other_runtime.exceptions.ResourceNotFound:
            return True
        return False

    wait_until(is_gone)


def test_tags_of_many_clients_of_two_servers_are_all_there(
    pair: tuple[ServerProcess, ServerProcess],
) -> None:
    clients = [server.client(CONTROL) for server in pair]
    clients[0].create_feature_group(**create("contended").arguments)
    failures: list[Exception] = []

    def tag(number: int) -> None:
        try:
            clients[number % 2].add_tags(
                ResourceArn=f"{ARN}contended", Tags=[{"Key": f"k{number}", "Value": str(number)}]
            )
        except Exception as error:  # noqa: BLE001 - shown by the test
            failures.append(error)

    threads = [threading.Thread(target=partial(tag, number)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    for client in clients:

        def all_are_there(client: Any = client) -> bool:
            tags = client.list_tags(ResourceArn=f"{ARN}contended")["Tags"]
            return {tag["Key"]: tag["Value"] for tag in tags} == {
                f"k{number}": str(number) for number in range(32)
            }

        wait_until(all_are_there)
