"""Feature groups of all shapes through Terraform: made, found unchanged, imported, and gone."""

from pathlib import Path
from typing import Any

import pytest

from e2e.server_process import ServerProcess
from e2e.terraform.conftest import NewFolder
from e2e.terraform.runner import Terraform

HERE = Path(__file__).parent
SHAPES = HERE / "shapes"
GROUP = "aws_sagemaker_feature_group"
PREFIX = "tf-shape-"
KEY = "arn:aws:kms:us-east-1:123456789012:key/0f0f0f0f"
CATALOG = {"catalog": "AwsDataCatalog", "database": "sagemaker_featurestore"}


def test_all_shapes(new_folder: NewFolder, server: ServerProcess) -> None:
    terraform = new_folder("shapes")
    terraform.copy(*SHAPES.glob("*.tf"))
    terraform.check_format()
    terraform.init()
    assert "18 added, 0 changed, 0 destroyed" in terraform.apply()
    made = terraform.resources()
    check_attributes(groups_of(made))
    check_described(server)
    has_changes, said = terraform.plan()
    assert not has_changes, said
    imported = import_all(new_folder("imported"), made)
    delete_behind_the_back_of(imported, server)
    imported.destroy()
    assert names_left(server) == []
    iam = server.client("iam")
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName="feature-maker")


def import_all(terraform: Terraform, made: dict[str, dict[str, Any]]) -> Terraform:
    """Another folder takes over what was made, by the names alone, and finds nothing to change."""
    terraform.copy(*SHAPES.glob("*.tf"))
    terraform.write("imports.tf", "".join(map(import_block, made, made.values())))
    terraform.init()
    said = terraform.apply()
    assert "18 imported, 0 added, 0 changed, 0 destroyed" in said, said
    found = terraform.resources()
    assert {address: from_the_store(found[address]) for address in found} == {
        address: from_the_store(made[address]) for address in made
    }
    (terraform.folder / "imports.tf").unlink()
    has_changes, said = terraform.plan()
    assert not has_changes, said
    return terraform


def import_block(address: str, attributes: dict[str, Any]) -> str:
    given = attributes["id"]
    if address.startswith("aws_iam_role_policy_attachment."):
        given = f"{attributes['role']}/{attributes['policy_arn']}"
    return f'import {{\n  to = {address}\n  id = "{given}"\n}}\n'


def from_the_store(attributes: dict[str, Any]) -> dict[str, Any]:
    """The attributes that the store has given, but for empty ones."""
    # The role was made before it had an attachment, whose id Terraform makes up.
    others = {"managed_policy_arns", *(["id"] if "policy_arn" in attributes else [])}
    return {name: value for name, value in attributes.items() if value and name not in others}


def delete_behind_the_back_of(terraform: Terraform, server: ServerProcess) -> None:
    """A group that somebody else deleted is made again: reading it is no error."""
    server.client("sagemaker").delete_feature_group(FeatureGroupName=f"{PREFIX}basic")
    has_changes, said = terraform.plan()
    assert has_changes
    assert f"{GROUP}.basic will be created" in said, said
    assert "1 to add, 0 to change, 0 to destroy" in said, said


def groups_of(resources: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        address.partition(".")[2]: attributes
        for address, attributes in resources.items()
        if address.startswith(f"{GROUP}.")
    }


def names_left(server: ServerProcess) -> list[str]:
    listed = server.client("sagemaker").list_feature_groups(NameContains=PREFIX)
    return [group["FeatureGroupName"] for group in listed["FeatureGroupSummaries"]]


def one(blocks: list[dict[str, Any]]) -> dict[str, Any]:
    (block,) = blocks
    return block


def check_attributes(groups: dict[str, dict[str, Any]]) -> None:
    """What the provider's own tests look at, and what would be a change for ever otherwise."""
    for label, group in groups.items():
        name = f"{PREFIX}{label.replace('_', '-')}"
        assert group["id"] == group["feature_group_name"] == name
        assert group["arn"] == f"arn:aws:sagemaker:us-east-1:000000000000:feature-group/{name}"
        assert group["role_arn"] == "arn:aws:iam::000000000000:role/teams/feature-maker"
        is_offline = label.startswith(("offline_", "both_"))
        assert len(group["offline_store_config"]) == is_offline
        assert len(group["online_store_config"]) == (not label.startswith("offline_"))
        assert one(group["throughput_config"])["throughput_mode"] == (
            "Provisioned" if label == "provisioned" else "OnDemand"
        )
    basic = groups["basic"]
    assert one(basic["feature_definition"])["feature_name"] == "tf-shape-basic"
    assert one(basic["online_store_config"])["storage_type"] in (None, "")
    assert groups["description"]["description"] == "tf-shape-description"
    types = [
        feature["feature_type"] for feature in groups["multiple_features"]["feature_definition"]
    ]
    assert types == ["String", "Integral"]
    memory = one(groups["storage_type"]["online_store_config"])
    assert memory["storage_type"] == "InMemory"
    assert groups["collection_type"]["feature_definition"][1]["collection_type"] == "List"
    vector = groups["collection_config"]["feature_definition"][1]
    assert vector["collection_type"] == "Vector"
    assert one(one(vector["collection_config"])["vector_config"])["dimension"] == 2
    secured = one(groups["security_config"]["online_store_config"])
    assert one(secured["security_config"])["kms_key_id"] == KEY
    lived = one(groups["time_to_live"]["online_store_config"])
    assert one(lived["ttl_duration"]) == {"unit": "Weeks", "value": 2}
    assert groups["tags"]["tags"] == {"Environment": "test", "a:b/c": ""}
    check_offline(groups)


def check_offline(groups: dict[str, dict[str, Any]]) -> None:
    basic = one(groups["offline_basic"]["offline_store_config"])
    assert (basic["disable_glue_table_creation"], basic["table_format"]) == (True, "Glue")
    assert basic["data_catalog_config"] == []
    storage = one(basic["s3_storage_config"])
    assert storage["s3_uri"] == "s3://tf-shapes/prefix/"
    assert storage["resolved_output_s3_uri"].startswith(
        "s3://tf-shapes/prefix/000000000000/sagemaker/us-east-1/offline-store/tf-shape-offline-basic-"
    )
    created = one(groups["offline_create_catalog"]["offline_store_config"])
    assert created["disable_glue_table_creation"] is False
    catalog = one(created["data_catalog_config"])
    assert catalog["table_name"].startswith("tf_shape_offline_create_catalog_")
    assert {**catalog, **CATALOG} == catalog
    provided = one(groups["offline_provided_catalog"]["offline_store_config"])
    assert one(provided["data_catalog_config"]) == {
        "catalog": "AwsDataCatalog",
        "database": "shapes",
        "table_name": "provided-table",
    }
    for label in ("offline_iceberg", "both_iceberg"):
        iceberg = one(groups[label]["offline_store_config"])
        assert iceberg["table_format"] == "Iceberg"
        assert len(iceberg["data_catalog_config"]) == 1
    assert one(iceberg["s3_storage_config"])["kms_key_id"] == KEY


def check_described(server: ServerProcess) -> None:
    """The store has what Terraform believes it has made."""
    described = server.client("sagemaker").describe_feature_group(
        FeatureGroupName=f"{PREFIX}both-iceberg"
    )
    assert described["FeatureGroupStatus"] == "Created"
    assert described["OfflineStoreConfig"]["TableFormat"] == "Iceberg"
    assert [feature["FeatureName"] for feature in described["FeatureDefinitions"]] == [
        *("customer_id", "orders", "moment")
    ]
    assert len(names_left(server)) == 16


def test_flags_and_an_endpoint_of_sagemaker_alone(
    new_folder: NewFolder, server: ServerProcess
) -> None:
    terraform = new_folder("flags", endpoint=None)
    terraform.copy(HERE / "flags.tf")
    terraform.check_format()
    terraform.init()
    endpoint = f"-var=endpoint={server.url}"
    assert "1 added" in terraform.apply(endpoint)
    has_changes, said = terraform.plan(endpoint)
    assert not has_changes, said
    described = server.client("sagemaker").describe_feature_group(
        FeatureGroupName="tf-flags-customers"
    )
    # What the provider's data source has asked for, of the role that is always there.
    assert described["RoleArn"] == "arn:aws:iam::000000000000:role/tandem"
    # Each step with an `endpoints` block takes the provider three times as long: this was enough.
