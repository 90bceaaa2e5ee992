"""Changes that Terraform makes in place: nothing is made anew, and nothing is left to do."""

from pathlib import Path
from typing import Any

from e2e.server_process import ServerProcess
from e2e.terraform.conftest import NewFolder

HERE = Path(__file__).parent
PREFIX = "tf-changes-"
ROLE = {"RoleName": "changing-feature-maker"}


def test_changes_in_place(new_folder: NewFolder, server: ServerProcess) -> None:
    terraform = new_folder("changes")
    terraform.copy(HERE / "shapes/provider.tf", *(HERE / "changes").glob("*.tf"))
    terraform.check_format()
    (terraform.folder / "after.tf").rename(terraform.folder / "after")
    terraform.init()
    assert "9 added" in terraform.apply()
    before = described(server)
    add_feature(server)
    (terraform.folder / "after").replace(terraform.folder / "before.tf")
    said = terraform.apply()
    assert "0 added, 9 changed, 0 destroyed" in said, said
    after = described(server)
    has_changes, said = terraform.plan()
    assert not has_changes, said
    check_same_groups(before, after)
    check_groups(server, after)
    check_role(server)
    assert "9 destroyed" in terraform.destroy()
    assert described(server) == {}


def add_feature(server: ServerProcess) -> None:
    """What the provider cannot do in place; `after.tf` names the feature, too."""
    server.client("sagemaker").update_feature_group(
        FeatureGroupName=f"{PREFIX}everything",
        FeatureAdditions=[{"FeatureName": "later", "FeatureType": "Integral"}],
    )


def described(server: ServerProcess) -> dict[str, dict[str, Any]]:
    """The groups as they are, by the part of their names that tells them apart."""
    client = server.client("sagemaker")
    listed = client.list_feature_groups(NameContains=PREFIX)["FeatureGroupSummaries"]
    return {
        name.removeprefix(PREFIX): client.describe_feature_group(FeatureGroupName=name)
        for name in (group["FeatureGroupName"] for group in listed)
    }


def check_same_groups(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> None:
    assert before.keys() == after.keys()
    for name, group in after.items():
        assert group["CreationTime"] == before[name]["CreationTime"], name
        assert group["FeatureGroupArn"] == before[name]["FeatureGroupArn"], name


def check_groups(server: ServerProcess, groups: dict[str, dict[str, Any]]) -> None:
    lives = {name: group["OnlineStoreConfig"].get("TtlDuration") for name, group in groups.items()}
    assert lives == {
        "time-to-live-changed": {"Unit": "Minutes", "Value": 2},
        "time-to-live-removed": None,
        "time-to-live-added": {"Unit": "Weeks", "Value": 1},
        "provisioned": None,
        "on-demand": None,
        "tags": None,
        "everything": {"Unit": "Days", "Value": 1},
    }
    modes = {name: group["ThroughputConfig"]["ThroughputMode"] for name, group in groups.items()}
    provisioned = {name for name, mode in modes.items() if mode == "Provisioned"}
    assert provisioned == {"provisioned", "everything"}
    assert groups["provisioned"]["ThroughputConfig"]["ProvisionedWriteCapacityUnits"] == 1
    assert "LastModifiedTime" not in groups["tags"]
    assert groups["everything"]["LastUpdateStatus"] == {"Status": "Successful"}
    client = server.client("sagemaker")
    tags = {
        name: {
            tag["Key"]: tag["Value"]
            for tag in client.list_tags(ResourceArn=groups[name]["FeatureGroupArn"])["Tags"]
        }
        for name in ("tags", "everything")
    }
    assert tags == {
        "tags": {"changed": "after", "new": "now", "stays": "so"},
        "everything": {"changed": "after"},
    }


def check_role(server: ServerProcess) -> None:
    iam = server.client("iam")
    role = iam.get_role(**ROLE)["Role"]
    assert (role["Description"], role["MaxSessionDuration"]) == ("After", 7_200)
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "glue.amazonaws.com"}
    assert role["Tags"] == [{"Key": "step", "Value": "after"}]
    assert "PermissionsBoundary" not in role
    policy = iam.get_role_policy(**ROLE, PolicyName="access")["PolicyDocument"]
    assert policy["Statement"][0]["Action"] == ["s3:PutObject"]
