"""Whole configurations: that of examples/terraform, that of the docs, and that of an article.

The article is one that people follow. Its text is not part of this project: TANDEM_ARTICLES names
the folder that has it; without it, a folder beside the checkout is looked at.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tandem
from e2e.server_process import ServerProcess
from e2e.terraform.conftest import NewFolder
from e2e.terraform.runner import Terraform

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
EXAMPLE = ROOT / "examples/terraform"
DOCS = ROOT / "docs/terraform.md"
ARTICLES = Path(os.environ.get("TANDEM_ARTICLES", ROOT.parent / "shared/seeds"))
HCL_BLOCK = re.compile(r"^```hcl\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VARIABLES = re.compile(r"^# environments/(\w+)\.tfvars\n((?:\w+ *=.*\n)+)", re.MULTILINE)
ENVIRONMENTS = ["dev", "prod"]
SECURITY = re.compile(r"^security_config \{\nkms_key_id = var\.kms_key_arn\n\}\n", re.MULTILINE)
KEY = re.compile(r'"(arn:aws:kms:[^"]+)"')


def life_of(terraform: Terraform, *arguments: str, resources: int) -> Iterator[None]:
    """Made, looked at by the caller, found unchanged, and destroyed."""
    terraform.init()
    said = terraform.apply(*arguments)
    assert f"{resources} added, 0 changed, 0 destroyed" in said, said
    yield
    has_changes, said = terraform.plan(*arguments)
    assert not has_changes, said
    assert f"{resources} destroyed" in terraform.destroy(*arguments)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_example(new_folder: NewFolder, server: ServerProcess, environment: str) -> None:
    terraform = new_folder(f"example-{environment}")
    terraform.copy(*EXAMPLE.glob("*.tf"), *EXAMPLE.glob("*.tfvars"))
    terraform.check_format()
    for _ in life_of(terraform, f"-var-file={environment}.tfvars", resources=4):
        group = described(server, f"{environment}-customers")
        check_stores(group, (EXAMPLE / f"{environment}.tfvars").read_text())
        put_and_find(server, f"{environment}-customers")
        assert described(server, f"{environment}-sessions")["OnlineStoreConfig"]["TtlDuration"]
    assert group_names(server, environment) == []


def put_and_find(server: ServerProcess, name: str) -> None:
    """A group that Terraform made is served and remembered as any other."""
    runtime = server.client("sagemaker-featurestore-runtime")
    for moment, orders in (("1700000000.25", "1"), ("1700086400.5", "2")):
        values = {"customer_id": "c1", "observed_at": moment, "orders": orders}
        runtime.put_record(
            FeatureGroupName=name,
            Record=[{"FeatureName": key, "ValueAsString": text} for key, text in values.items()],
        )
    found = runtime.get_record(
        FeatureGroupName=name, RecordIdentifierValueAsString="c1", FeatureNames=["orders"]
    )
    assert found["Record"] == [{"FeatureName": "orders", "ValueAsString": "2"}]
    with tandem.connect(server.url) as store:
        rows = store.sql(f'SELECT observed_at, orders FROM "{name}" ORDER BY orders').to_pandas()
    assert rows["observed_at"].tolist() == [1700000000.25, 1700086400.5]


def test_the_docs(new_folder: NewFolder, server: ServerProcess) -> None:
    (block,) = HCL_BLOCK.findall(DOCS.read_text())
    terraform = new_folder("docs")
    terraform.write("main.tf", block)
    terraform.check_format()
    for _ in life_of(terraform, resources=2):
        assert group_names(server, "orders") == ["orders"]
    assert group_names(server, "orders") == []


@pytest.fixture(scope="module")
def article() -> str:
    """The text of the article that defines feature groups in Terraform's language."""
    texts = [file.read_text() for file in sorted(ARTICLES.glob("*.txt"))]
    found = [text for text in texts if 'resource "aws_sagemaker_feature_group"' in text]
    if not found:
        pytest.skip(f"needs the article with Terraform files, which is not in {ARTICLES}")
    return found[0]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_articles_files_run_as_they_are(
    new_folder: NewFolder, server: ServerProcess, article: str, environment: str
) -> None:
    variables = dict(VARIABLES.findall(article))[environment]
    terraform = new_folder(f"article-{environment}")
    # The article shows no provider and declares no variables: readers have these already.
    terraform.copy(HERE / "shapes/provider.tf", HERE / "article_variables.tf")
    terraform.write("article.tf", "\n".join(resource_blocks(article)))
    terraform.write(f"{environment}.tfvars", variables)
    for _ in life_of(terraform, f"-var-file={environment}.tfvars", resources=4):
        names = [f"{environment}-customer-features", f"{environment}-transaction-features"]
        assert group_names(server, environment) == names
        check_stores(described(server, names[0]), variables)
        if re.search(r"^kms_key_arn *= *null", variables, re.MULTILINE):
            leave_the_empty_block_out(terraform, article, f"-var-file={environment}.tfvars")
    assert group_names(server, environment) == []


def leave_the_empty_block_out(terraform: Terraform, article: str, *arguments: str) -> None:
    """The one thing in the article that cannot exist: a `security_config` whose key is null.

    The provider does not send it, so no store can give it back, and each plan finds it missing.
    Nothing else is found, and without the block there is nothing to do.
    """
    has_changes, said = terraform.plan(*arguments)
    assert has_changes
    assert "1 to add, 0 to change, 1 to destroy" in said, said
    assert said.count("# forces replacement") == said.count("+ security_config {}") == 1, said
    shortened, times = SECURITY.subn("", "\n".join(resource_blocks(article)))
    assert times == 1
    terraform.write("article.tf", shortened)


def resource_blocks(text: str) -> Iterator[str]:
    """Each `resource` in a text whose blocks are not marked, from its line to its closing brace."""
    for found in re.finditer(r'^resource "aws_\w+" "\w+" \{$', text, re.MULTILINE):
        depth = 0
        for brace in re.finditer(r"[{}]", text[found.start() :]):
            depth += 1 if brace[0] == "{" else -1
            if depth == 0:
                yield text[found.start() :][: brace.end()] + "\n"
                break


def check_stores(group: dict[str, Any], variables: str) -> None:
    """The table format and the keys that the variables ask for."""
    offline, online = group["OfflineStoreConfig"], group["OnlineStoreConfig"]
    assert offline["TableFormat"] == ("Iceberg" if '"Iceberg"' in variables else "Glue")
    key = next(iter(KEY.findall(variables)), None)
    assert offline["S3StorageConfig"].get("KmsKeyId") == key
    assert online.get("SecurityConfig", {}).get("KmsKeyId") == key


def described(server: ServerProcess, name: str) -> dict[str, Any]:
    found: dict[str, Any] = server.client("sagemaker").describe_feature_group(FeatureGroupName=name)
    return found


def group_names(server: ServerProcess, prefix: str) -> list[str]:
    listed = server.client("sagemaker").list_feature_groups(NameContains=prefix, SortBy="Name")
    return [group["FeatureGroupName"] for group in listed["FeatureGroupSummaries"]]
