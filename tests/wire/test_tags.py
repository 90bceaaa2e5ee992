"""AddTags, ListTags and DeleteTags."""

import json
from typing import Any

import pytest

from .bench import SAGEMAKER, Bench, group_request

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:feature-group/"


def tag(key: str, value: str = "") -> dict[str, str]:
    return {"Key": key, "Value": value}


def add(bench: Bench, *tags: dict[str, str], name: str = "both") -> Any:
    return bench.send(SAGEMAKER, "AddTags", ResourceArn=f"{ARN}{name}", Tags=list(tags))


def listed(bench: Bench, name: str = "both", **more: Any) -> list[dict[str, str]]:
    answer = bench.send(SAGEMAKER, "ListTags", ResourceArn=f"{ARN}{name}", **more)
    assert answer.status == 200, answer.parsed
    assert "NextToken" not in answer.parsed
    content: list[dict[str, str]] = json.loads(answer.response.body)["Tags"]
    return content


def test_a_group_without_tags_has_an_empty_list(groups: Bench) -> None:
    answer = groups.send(SAGEMAKER, "ListTags", ResourceArn=f"{ARN}both")
    assert json.loads(answer.response.body) == {"Tags": []}


def test_tags_given_at_creation_are_listed(bench: Bench) -> None:
    tags = [tag("team", "a"), tag("käse/größe", "1 = one"), tag("empty")]
    bench.send(SAGEMAKER, "CreateFeatureGroup", **group_request("g", Tags=tags))
    assert listed(bench, "g") == tags


def test_tags_are_added_and_replaced(groups: Bench) -> None:
    answer = add(groups, tag("team", "a"), tag("x", "y"))
    assert json.loads(answer.response.body) == {"Tags": [tag("team", "a"), tag("x", "y")]}
    answer = add(groups, tag("team", "b"), tag("z"))
    everything = [tag("team", "b"), tag("x", "y"), tag("z")]
    assert json.loads(answer.response.body) == {"Tags": everything}
    assert listed(groups) == everything
    assert listed(groups, "v2") == []
    assert add(groups).parsed["Tags"] == everything  # no tags are none to add


def test_tags_are_deleted_and_unknown_keys_are_passed_over(groups: Bench) -> None:
    add(groups, tag("a"), tag("b"), tag("c"))
    answer = groups.send(
        SAGEMAKER, "DeleteTags", ResourceArn=f"{ARN}both", TagKeys=["a", "unknown", "c", "a"]
    )
    assert (answer.status, answer.response.body) == (200, b"")
    assert listed(groups) == [tag("b")]


def test_tags_do_not_count_as_a_change_of_the_group(groups: Bench) -> None:
    groups.now_us += 60_000_000
    add(groups, tag("a"))
    described = groups.send(SAGEMAKER, "DescribeFeatureGroup", FeatureGroupName="both").parsed
    assert "LastModifiedTime" not in described
    assert "LastUpdateStatus" not in described
    assert "Tags" not in described


def test_fifty_tags_are_one_page(groups: Bench) -> None:
    everything = [tag(f"k{number}", str(number)) for number in range(50)]
    add(groups, *everything)
    assert listed(groups) == everything
    for size in (50, 51, 2**31 - 1):
        assert listed(groups, MaxResults=size) == everything
    refused = add(groups, tag("one-more"))
    assert (refused.status, refused.code) == (400, "ValidationException")
    assert "would have 51 tags; 50 are allowed" in refused.message
    assert add(groups, tag("k1", "new")).status == 200


def test_tags_are_read_through_an_alias_and_written_to_the_group(groups: Bench) -> None:
    add(groups, tag("team", "a"))
    groups.core.aliases.set("current", "both")
    assert listed(groups, "current") == [tag("team", "a")]
    for operation, more in (("AddTags", {"Tags": [tag("b")]}), ("DeleteTags", {"TagKeys": ["a"]})):
        refused = groups.send(SAGEMAKER, operation, ResourceArn=f"{ARN}current", **more)
        assert (refused.status, refused.code) == (400, "ValidationException")
        assert "'current' is an alias" in refused.message
        assert "'both'" in refused.message
    assert listed(groups) == [tag("team", "a")]


@pytest.mark.parametrize("operation", ["AddTags", "ListTags", "DeleteTags"])
@pytest.mark.parametrize(
    ("arn", "said"),
    [
        (f"{ARN}nowhere", "'nowhere'"),
        (ARN.replace("eu-west-1", "eu-west-2") + "both", "eu-west-2"),
        (ARN.replace("123456789012", "210987654321") + "both", "210987654321"),
        (ARN.replace(":feature-group/", ":endpoint/") + "both", "other resources"),
        ("both", "'both' is not an ARN"),
        ("", "'' is not an ARN"),
        (f"{ARN}no name", "no name"),
        (f"{ARN}{'x' * 65}", "ResourceArn"),
    ],
)
def test_resources_that_are_not_here(groups: Bench, operation: str, arn: str, said: str) -> None:
    more = {"AddTags": {"Tags": [tag("a")]}, "DeleteTags": {"TagKeys": ["a"]}}.get(operation, {})
    answer = groups.send(SAGEMAKER, operation, ResourceArn=arn, **more)
    # These operations have no error of their own for a resource that is not there.
    assert (answer.status, answer.code) == (400, "ValidationException")
    assert said in answer.message
