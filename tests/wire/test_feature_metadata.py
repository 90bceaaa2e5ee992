"""UpdateFeatureMetadata and DescribeFeatureMetadata."""

import json
from typing import Any

import pytest

from .bench import SAGEMAKER, START_US, Bench, definition, group_request

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:feature-group/"
KEY = {"FeatureGroupName": "both", "FeatureName": "real"}


def parameter(key: str, value: str) -> dict[str, str]:
    return {"Key": key, "Value": value}


def update(bench: Bench, **changes: Any) -> Any:
    answer = bench.send(SAGEMAKER, "UpdateFeatureMetadata", **{**KEY, **changes})
    assert (answer.status, answer.response.body) == (200, b""), answer.parsed
    return answer


def described(bench: Bench, **key: str) -> dict[str, Any]:
    answer = bench.send(SAGEMAKER, "DescribeFeatureMetadata", **{**KEY, **key})
    assert answer.status == 200, answer.parsed
    content: dict[str, Any] = json.loads(answer.response.body)
    return content


def test_a_feature_of_which_nothing_was_said(groups: Bench) -> None:
    groups.now_us += 5_000_000
    assert described(groups) == {
        "FeatureGroupArn": f"{ARN}both",
        "FeatureGroupName": "both",
        "FeatureName": "real",
        "FeatureType": "Fractional",
        "CreationTime": START_US / 1e6,
        "LastModifiedTime": START_US / 1e6,
    }


def test_what_is_said_comes_back(groups: Bench) -> None:
    groups.now_us += 5_000_000
    added = [parameter("unit", "EUR"), parameter("ownér", "team a")]
    update(groups, Description="what was spent, in €", ParameterAdditions=added)
    found = described(groups)
    assert found["Description"] == "what was spent, in €"
    assert found["Parameters"] == added
    assert found["CreationTime"] == START_US / 1e6
    assert found["LastModifiedTime"] == START_US / 1e6 + 5
    assert "Description" not in described(groups, FeatureName="text")


def test_what_is_left_out_stays(groups: Bench) -> None:
    update(groups, Description="d", ParameterAdditions=[parameter("a", "1"), parameter("b", "2")])
    # The SDK sends both lists, empty where there is nothing to change.
    update(groups, ParameterAdditions=[], ParameterRemovals=[])
    assert described(groups)["Description"] == "d"
    update(groups, ParameterAdditions=[parameter("a", "3")], ParameterRemovals=["b", "unknown"])
    found = described(groups)
    assert (found["Description"], found["Parameters"]) == ("d", [parameter("a", "3")])
    update(groups, Description="", ParameterRemovals=["a"])
    assert not {"Description", "Parameters"} & set(described(groups))


def test_names_may_be_arns(groups: Bench) -> None:
    update(groups, FeatureGroupName=f"{ARN}both", Description="d")
    assert described(groups, FeatureGroupName=f"{ARN}both")["Description"] == "d"


def test_it_is_not_a_change_of_the_group(groups: Bench) -> None:
    groups.now_us += 5_000_000
    update(groups, Description="d")
    group = groups.send(SAGEMAKER, "DescribeFeatureGroup", FeatureGroupName="both").parsed
    assert "LastModifiedTime" not in group
    assert group["FeatureDefinitions"] == group_request("x")["FeatureDefinitions"]


def test_an_added_feature_has_a_date_of_its_own(groups: Bench) -> None:
    groups.now_us += 5_000_000
    shop = definition("shop", "Integral")
    groups.send(SAGEMAKER, "UpdateFeatureGroup", FeatureGroupName="both", FeatureAdditions=[shop])
    found = described(groups, FeatureName="shop")
    assert found["CreationTime"] == found["LastModifiedTime"] == START_US / 1e6 + 5
    assert found["FeatureType"] == "Integral"
    assert described(groups)["CreationTime"] == START_US / 1e6


@pytest.mark.parametrize("kind", ["Integral", "String", "Fractional"])
def test_collections_have_the_type_of_their_elements(groups: Bench, kind: str) -> None:
    names = {"Integral": "list", "String": "set", "Fractional": "vector"}
    found = described(groups, FeatureGroupName="memory", FeatureName=names[kind])
    assert found["FeatureType"] == kind


def test_a_retired_feature_is_not_described_until_it_is_restored(groups: Bench) -> None:
    update(groups, Description="d")
    groups.core.updates.retire_feature("both", "real")
    for operation in ("DescribeFeatureMetadata", "UpdateFeatureMetadata"):
        refused = groups.send(SAGEMAKER, operation, **KEY)
        assert (refused.status, refused.code) == (400, "ResourceNotFound")
        assert "'real'" in refused.message
    groups.core.updates.restore_feature("both", "real")
    assert described(groups)["Description"] == "d"


def test_metadata_is_read_through_an_alias_and_written_to_the_group(groups: Bench) -> None:
    groups.core.aliases.set("current", "both")
    update(groups, Description="d")
    found = described(groups, FeatureGroupName="current")
    assert (found["FeatureGroupName"], found["Description"]) == ("both", "d")
    refused = groups.send(
        SAGEMAKER, "UpdateFeatureMetadata", FeatureGroupName="current", FeatureName="real"
    )
    assert (refused.status, refused.code) == (400, "ValidationException")
    assert "'current' is an alias" in refused.message


@pytest.mark.parametrize("operation", ["DescribeFeatureMetadata", "UpdateFeatureMetadata"])
@pytest.mark.parametrize(
    ("group", "feature", "said"),
    [
        ("nowhere", "real", "'nowhere'"),
        ("both", "Real", "'Real'"),
        ("both", "write_time", "'write_time'"),
        (ARN.replace("eu-", "us-") + "both", "real", "us-west-1"),
    ],
)
def test_what_is_not_there_is_named(
    groups: Bench, operation: str, group: str, feature: str, said: str
) -> None:
    answer = groups.send(SAGEMAKER, operation, FeatureGroupName=group, FeatureName=feature)
    assert (answer.status, answer.code) == (400, "ResourceNotFound")
    assert said in answer.message
