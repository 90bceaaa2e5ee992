"""Throttling and usage on the wire: the error, the lists of what was left undone, the counts."""

import json
from typing import Any

import pytest

from .bench import RUNTIME, SAGEMAKER, Bench, group_request, record

NOON = "2025-06-15T12:00:00Z"


@pytest.fixture
def limited(bench: Bench) -> Bench:
    """A bench with the group `limited`, with 2 read units and 3 write units a second."""
    throughput = {
        "ThroughputMode": "Provisioned",
        "ProvisionedReadCapacityUnits": 2,
        "ProvisionedWriteCapacityUnits": 3,
    }
    request = group_request("limited", ThroughputConfig=throughput)
    assert bench.send(SAGEMAKER, "CreateFeatureGroup", **request).status == 200
    assert bench.send(SAGEMAKER, "CreateFeatureGroup", **group_request("free")).status == 200
    for identifier in ("1", "2", "3"):
        for group in ("limited", "free"):
            assert put(bench, identifier, group).status == 200
    return bench


def put(bench: Bench, identifier: str, group: str = "limited") -> Any:
    values = record(id=identifier, time=NOON)
    return bench.send(RUNTIME, "PutRecord", FeatureGroupName=group, Record=values)


def get(bench: Bench, identifier: str) -> Any:
    key = {"FeatureGroupName": "limited", "RecordIdentifierValueAsString": identifier}
    return bench.send(RUNTIME, "GetRecord", **key)


def batch_get(bench: Bench, *identifiers: str) -> dict[str, Any]:
    asked = [
        {
            "FeatureGroupName": group,
            "RecordIdentifiersValueAsString": [*identifiers],
            "FeatureNames": ["id"],
        }
        for group in ("limited", "free")
    ]
    answer = bench.send(RUNTIME, "BatchGetRecord", Identifiers=asked)
    assert answer.status == 200
    found: dict[str, Any] = answer.parsed
    return found


def test_a_throttled_call_is_a_throttling_exception(limited: Bench) -> None:
    answer = put(limited, "4")
    assert (answer.status, answer.code) == (400, "ThrottlingException")
    assert "ProvisionedWriteCapacityUnits (3 a second)" in answer.message
    for _ in range(2):
        assert get(limited, "1").status == 200
    answer = get(limited, "1")
    assert (answer.status, answer.code) == (400, "ThrottlingException")
    limited.now_us += 1_000_000
    assert get(limited, "1").status == put(limited, "4").status == 200


def test_identifiers_without_units_are_unprocessed(limited: Bench) -> None:
    answer = batch_get(limited, "1", "missing", "2", "3")
    found = [
        (one["FeatureGroupName"], one["RecordIdentifierValueAsString"]) for one in answer["Records"]
    ]
    assert found == [("limited", "1"), ("limited", "2"), *(("free", each) for each in "123")]
    assert answer["Errors"] == []
    assert answer["UnprocessedIdentifiers"] == [
        {
            "FeatureGroupName": "limited",
            "RecordIdentifiersValueAsString": ["3"],
            "FeatureNames": ["id"],
        }
    ]
    limited.now_us += 500_000
    again = limited.send(
        RUNTIME, "BatchGetRecord", Identifiers=answer["UnprocessedIdentifiers"]
    ).parsed
    assert [one["RecordIdentifierValueAsString"] for one in again["Records"]] == ["3"]
    assert again["UnprocessedIdentifiers"] == []


def test_entries_without_units_are_unprocessed_and_errors_are_errors(limited: Bench) -> None:
    limited.now_us += 1_000_000
    entries = [
        {"FeatureGroupName": "limited", "Record": record(id=each, time=NOON)} for each in "abcdef"
    ]
    entries.insert(1, {"FeatureGroupName": "limited", "Record": record(id="bad", time="noon")})
    answer = limited.send(RUNTIME, "BatchWriteRecord", Entries=entries).parsed
    assert [one["Entry"] for one in answer["Errors"]] == [entries[1]]
    assert answer["UnprocessedEntries"] == entries[4:]
    limited.now_us += 1_000_000
    again = limited.send(RUNTIME, "BatchWriteRecord", Entries=answer["UnprocessedEntries"]).parsed
    assert (again["Errors"], again["UnprocessedEntries"]) == ([], [])


@pytest.mark.parametrize(
    ("query", "named"),
    [
        (b"Period=day&Since=0&Until=1", "Period"),
        (b"Period=hour&Since=-1&Until=1", "Since"),
        (b"Period=hour&Since=0", "Until"),
        (b"Period=hour&Since=5&Until=1", "ends"),
        (b"Period=hour&Since=0&Until=1&FeatureGroupName=nobody", "nobody"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(
    bench: Bench, query: bytes, named: str
) -> None:
    answer = bench.raw("GET", b"/tandem/usage", query=query)
    assert answer.status in (400, 404)
    assert named.encode() in answer.body


def test_usage_is_called_as_aws_calls_it(limited: Bench) -> None:
    put(limited, "4")
    query = b"Period=hour&Since=0&Until=99999999999"
    answer = limited.raw("GET", b"/tandem/usage", query=query)
    assert answer.status == 200
    by_name = {one["FeatureGroupName"]: one for one in json.loads(answer.body)["Usage"]}
    limited_usage, free_usage = by_name["limited"], by_name["free"]
    assert limited_usage["ConsumedWriteCapacityUnits"] == 3
    assert limited_usage["ThrottledRequests"] == 1
    assert free_usage["ConsumedWriteRequestsUnits"] == 3
    assert free_usage["ConsumedReadCapacityUnits"] == 0
