"""The AWS CLI of PyPI, unmodified: the endpoint in its environment is all that it is told.

Each call is a process of its own, as in a shell. The CLI ends with 0 where the call succeeded, 255
where the service refused it, and 2 where the arguments do not fit; errors are on standard error.
It brings a service model of its own, which is older than boto3's: UpdateRecord is not in it.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from e2e.server_process import ServerProcess

pytestmark = pytest.mark.skipif(
    find_spec("awscli") is None, reason="needs the AWS CLI, which is in the dependency group dev"
)
RUNTIME = "sagemaker-featurestore-runtime"
ARN = "arn:aws:sagemaker:us-east-1:000000000000:feature-group/"
ROLE = "arn:aws:iam::000000000000:role/feature-store"
OFFLINE = {"S3StorageConfig": {"S3Uri": "s3://lake/features"}}


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed."""

    code: int
    out: str
    error: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.error
        return json.loads(self.out)

    @property
    def lines(self) -> list[list[str]]:
        """The fields of `--output text`, line by line."""
        assert self.code == 0, self.error
        return [line.split("\t") for line in self.out.splitlines()]


class AwsCli:
    def __init__(self, url: str, home: Path) -> None:
        # No file in the home folder and no other variable says where the service is.
        variables = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        self._environment = {
            **variables,
            "HOME": str(home),
            "AWS_ENDPOINT_URL": url,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
        }
        self._folder = home

    def __call__(self, *arguments: str, folder: Path | None = None) -> Ended:
        run = subprocess.run(
            [sys.executable, "-m", "awscli", *arguments],
            cwd=folder or self._folder,
            env=self._environment,
            capture_output=True,
            check=False,
            text=True,
            timeout=120,
        )
        return Ended(run.returncode, run.stdout, run.stderr)


@pytest.fixture(scope="module")
def aws(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> AwsCli:
    return AwsCli(server.url, tmp_path_factory.mktemp("home"))


def values(**features: str) -> list[str]:
    """A record in the CLI's shorthand."""
    return [f"FeatureName={name},ValueAsString={value}" for name, value in features.items()]


def create(aws: AwsCli, name: str, *more: str) -> str:
    """Creates a group from shorthand arguments; returns its ARN."""
    made = aws(
        *("sagemaker", "create-feature-group", "--feature-group-name", name),
        *("--record-identifier-feature-name", "customer_id"),
        *("--event-time-feature-name", "event_time"),
        "--feature-definitions",
        "FeatureName=customer_id,FeatureType=String",
        "FeatureName=event_time,FeatureType=String",
        "FeatureName=orders,FeatureType=Integral",
        *("--online-store-config", "EnableOnlineStore=true"),
        *more,
    )
    arn: str = made.json["FeatureGroupArn"]
    return arn


def test_a_group_is_created_from_a_file(aws: AwsCli, tmp_path: Path) -> None:
    definition = {
        "FeatureGroupName": "from-file",
        "RecordIdentifierFeatureName": "id",
        "EventTimeFeatureName": "time",
        "FeatureDefinitions": [
            {"FeatureName": "id", "FeatureType": "Integral"},
            {"FeatureName": "time", "FeatureType": "Fractional"},
        ],
        "OnlineStoreConfig": {"EnableOnlineStore": True},
        "OfflineStoreConfig": OFFLINE,
        "RoleArn": ROLE,
    }
    (tmp_path / "group.json").write_text(json.dumps(definition))
    command = ("sagemaker", "create-feature-group", "--cli-input-json", "file://group.json")
    assert aws(*command, folder=tmp_path).json == {"FeatureGroupArn": f"{ARN}from-file"}
    described = aws("sagemaker", "describe-feature-group", "--feature-group-name", "from-file").json
    assert {name: described.get(name) for name in definition if name != "OfflineStoreConfig"} == {
        name: value for name, value in definition.items() if name != "OfflineStoreConfig"
    }
    assert described["FeatureGroupStatus"] == "Created"
    again = aws(*command, folder=tmp_path)
    assert (again.code, again.out) == (255, "")
    assert "(ResourceInUse) when calling the CreateFeatureGroup operation" in again.error
    assert "'from-file' already exists" in again.error


def test_a_group_is_created_from_shorthand(aws: AwsCli) -> None:
    create(
        aws,
        "shorthand",
        *("--online-store-config", "EnableOnlineStore=true,TtlDuration={Unit=Days,Value=30}"),
        *("--offline-store-config", "S3StorageConfig={S3Uri=s3://lake/features}"),
        *("--role-arn", ROLE, "--tags", "Key=team,Value=a", "Key=empty,Value="),
    )
    described = ("sagemaker", "describe-feature-group", "--feature-group-name", "shorthand")
    assert aws(*described, "--query", "OnlineStoreConfig.TtlDuration").json == {
        "Unit": "Days",
        "Value": 30,
    }
    lines = aws(*described, "--output", "text").lines
    assert ["FEATUREDEFINITIONS", "orders", "Integral"] in lines
    assert ["TTLDURATION", "Days", "30"] in lines
    assert lines[0][2:] == [f"{ARN}shorthand", "shorthand", "Created", "customer_id", ROLE]


def test_groups_are_listed_page_by_page(aws: AwsCli) -> None:
    for name in ("listed-b", "listed-a", "listed-c"):
        create(aws, name)
    command = ("sagemaker", "list-feature-groups", "--name-contains", "listed")
    names = ("--query", "FeatureGroupSummaries[].FeatureGroupName")
    by_name = ("--sort-by", "Name", "--sort-order", "Descending")
    # The CLI asks for page after page, and puts them together.
    assert aws(*command, *by_name, "--page-size", "1", *names).json == [
        "listed-c", "listed-b", "listed-a",
    ]  # fmt: skip
    first = aws(*command, *by_name, "--max-items", "2").json
    rest = aws(*command, *by_name, "--starting-token", first["NextToken"], *names).json
    assert rest == ["listed-a"]
    text = aws(*command, *names, "--output", "text")
    assert text.lines == [["listed-b", "listed-a", "listed-c"]]
    none = aws(*command, "--feature-group-status-equals", "Deleting").json
    assert none == {"FeatureGroupSummaries": []}


def test_a_group_is_changed_tagged_and_searched(aws: AwsCli) -> None:
    arn = create(aws, "changed")
    named = ("--feature-group-name", "changed")
    updated = aws(
        *("sagemaker", "update-feature-group", *named),
        *("--feature-additions", "FeatureName=spend,FeatureType=Fractional"),
        *("--online-store-config", "TtlDuration={Unit=Hours,Value=6}"),
    )
    assert updated.json == {"FeatureGroupArn": arn}
    of_spend = (*named, "--feature-name", "spend")
    said = aws(
        *("sagemaker", "update-feature-metadata", *of_spend, "--description", "in euros"),
        *("--parameter-additions", "Key=unit,Value=EUR", "Key=pii,Value=no"),
    )
    assert (said.code, said.out) == (0, "")
    described = aws("sagemaker", "describe-feature-metadata", *of_spend).json
    assert described["Description"] == "in euros"
    assert described["Parameters"][0] == {"Key": "unit", "Value": "EUR"}
    resource = ("--resource-arn", arn)
    tags = aws("sagemaker", "add-tags", *resource, "--tags", "Key=team,Value=a", "Key=x,Value=")
    assert tags.json["Tags"] == [{"Key": "team", "Value": "a"}, {"Key": "x", "Value": ""}]
    assert aws("sagemaker", "delete-tags", *resource, "--tag-keys", "x", "y").out == ""
    assert aws("sagemaker", "list-tags", *resource, "--output", "text").lines == [
        ["TAGS", "team", "a"]
    ]
    filters = [
        {"Name": "Tags.team", "Operator": "Equals", "Value": "a"},
        {"Name": "FeatureGroupName", "Operator": "Contains", "Value": "change"},
    ]
    found = aws(
        *("sagemaker", "search", "--resource", "FeatureGroup"),
        *("--search-expression", json.dumps({"Filters": filters})),
        *("--query", "Results[].FeatureGroup.FeatureGroupArn", "--output", "text"),
    )
    assert found.lines == [[arn]]
    found = aws(
        *("sagemaker", "search", "--resource", "FeatureMetadata", "--search-expression"),
        "Filters=[{Name=Parameters.unit,Operator=Equals,Value=EUR}]",
        *("--query", "Results[].FeatureMetadata.FeatureName"),
    )
    assert found.json == ["spend"]


def test_records(aws: AwsCli) -> None:
    create(aws, "records")
    named = ("--feature-group-name", "records")
    january = {"customer_id": "C1", "event_time": "2024-01-01T00:00:00Z", "orders": "5"}
    put = aws(RUNTIME, "put-record", *named, "--record", *values(**january))
    assert (put.code, put.out) == (0, "")
    one = (*named, "--record-identifier-value-as-string", "C1")
    got = aws(RUNTIME, "get-record", *one).json["Record"]
    assert {value["FeatureName"]: value["ValueAsString"] for value in got} == january
    chosen = aws(RUNTIME, "get-record", *one, "--feature-names", "orders", "--output", "text")
    assert chosen.lines == [["RECORD", "orders", "5"]]
    second = {**january, "customer_id": "C2"}
    record = [{"FeatureName": name, "ValueAsString": text} for name, text in second.items()]
    entries = [
        {"FeatureGroupName": "records", "Record": record},
        {"FeatureGroupName": "nowhere", "Record": record},
    ]
    written = aws(RUNTIME, "batch-write-record", "--entries", json.dumps(entries)).json
    assert [error["ErrorCode"] for error in written["Errors"]] == ["ResourceNotFound"]
    listed = aws(RUNTIME, "list-records", *named, "--query", "sort(RecordIdentifiers)").json
    assert listed == ["C1", "C2"]
    batch = aws(
        *(RUNTIME, "batch-get-record", "--identifiers"),
        "FeatureGroupName=records,RecordIdentifiersValueAsString=C1,C3,C2",
        *("--query", "Records[].RecordIdentifierValueAsString"),
    )
    assert batch.json == ["C1", "C2"]
    deleted = aws(RUNTIME, "delete-record", *one, "--event-time", "2024-02-01T00:00:00Z")
    assert (deleted.code, deleted.out) == (0, "")
    gone = aws(RUNTIME, "get-record", *one)
    assert (gone.code, gone.out) == (0, "")


def test_a_query(aws: AwsCli, tmp_path: Path) -> None:
    create(aws, "queried", "--offline-store-config", json.dumps(OFFLINE), "--role-arn", ROLE)
    put = ("put-record", "--feature-group-name", "queried", "--record")
    record = values(customer_id="C1", event_time="2024-05-01T12:00:00Z", orders="3")
    assert aws(RUNTIME, *put, *record).code == 0
    assert aws("s3", "mb", "s3://query-results").code == 0
    started = aws(
        *("athena", "start-query-execution", "--query-string", "SELECT orders FROM queried"),
        *("--query-execution-context", "Database=sagemaker_featurestore"),
        *("--result-configuration", "OutputLocation=s3://query-results/cli/"),
    ).json["QueryExecutionId"]
    named = ("--query-execution-id", started)
    deadline = time.monotonic() + 60
    while True:
        execution = aws("athena", "get-query-execution", *named).json["QueryExecution"]
        if execution["Status"]["State"] not in ("QUEUED", "RUNNING"):
            break
        assert time.monotonic() < deadline
    assert execution["Status"]["State"] == "SUCCEEDED"
    rows = aws("athena", "get-query-results", *named).json["ResultSet"]["Rows"]
    assert [row["Data"][0]["VarCharValue"] for row in rows] == ["orders", "3"]
    location = execution["ResultConfiguration"]["OutputLocation"]
    assert aws("s3", "cp", location, str(tmp_path / "result.csv")).code == 0
    assert (tmp_path / "result.csv").read_text() == '"orders"\n"3"\n'


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (
            ("sagemaker", "describe-feature-group", "--feature-group-name", "nowhere"),
            255,
            "An error occurred (ResourceNotFound) when calling the DescribeFeatureGroup operation",
        ),
        (
            (RUNTIME, "put-record", "--feature-group-name", "nowhere", "--record", *values(a="b")),
            255,
            "An error occurred (ValidationError) when calling the PutRecord operation",
        ),
        (
            ("sagemaker", "list-tags", "--resource-arn", "nowhere"),
            255,
            "An error occurred (ValidationException) when calling the ListTags operation",
        ),
        (("sagemaker", "describe-feature-group"), 2, "required: --feature-group-name"),
    ],
)
def test_errors(aws: AwsCli, command: tuple[str, ...], code: int, said: str) -> None:
    ended = aws(*command)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.error


def test_a_group_is_deleted(aws: AwsCli) -> None:
    create(aws, "short-lived")
    command = ("delete-feature-group", "--feature-group-name", "short-lived")
    first = aws("sagemaker", *command)
    assert (first.code, first.out) == (0, "")
    second = aws("sagemaker", *command)
    assert second.code == 255
    assert "(ResourceNotFound)" in second.error


def test_who_is_asking(aws: AwsCli) -> None:
    account, arn, _ = aws("sts", "get-caller-identity", "--output", "text").lines[0]
    assert account == "000000000000"
    assert ":assumed-role/" in arn
