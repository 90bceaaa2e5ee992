"""`eval "$(tandem env)"` in a shell, and what AWS's clients do after it."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import urllib3

from e2e.server_process import ServerProcess

TANDEM = f"{shlex.quote(sys.executable)} -m tandem"
ASKS_STS = """
import boto3, botocore.session
for address in ("https://sts.us-east-1.amazonaws.com", "https://sts.amazonaws.com"):
    sts = boto3.client("sts", region_name="us-east-1", endpoint_url=address)
    print(sts.meta.endpoint_url, sts.get_caller_identity()["Arn"])
"""
ARN = "arn:aws:sts::000000000000:assumed-role/tandem/session"


def shell(
    script: str, cwd: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.run(
        ["bash", "-uc", script],
        cwd=cwd,
        env={**clean, **(environment or {})},
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )


def test_clients_use_the_server_of_a_folder(server: ServerProcess, tmp_path: Path) -> None:
    """A shell that was set up for AWS in earnest, and is again afterwards."""
    real = {
        "AWS_PROFILE": "production",
        "AWS_SESSION_TOKEN": "secret",
        "AWS_ENDPOINT_URL_STS": "https://sts.us-east-1.amazonaws.com",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }
    run = shell(
        f'eval "$({TANDEM} env --data {shlex.quote(str(server.data))})"\n'
        f"{shlex.quote(sys.executable)} -c {shlex.quote(ASKS_STS)}\n"
        f"{TANDEM} groups no-such-name\n"
        f'eval "$({TANDEM} env --unset)"\n'
        "env",
        tmp_path,
        real,
    )
    lines = run.stdout.splitlines()
    assert lines[:3] == [f"{server.url} {ARN}"] * 2 + ["none"], run.stderr
    after = dict(line.partition("=")[::2] for line in lines[3:])
    ours = re.compile(r"AWS_|TANDEM_|SAGEMAKER_|PYICEBERG_|HTTPS?_PROXY|NO_PROXY")
    assert {name: value for name, value in after.items() if ours.match(name)} == real


def test_by_its_url(server: ServerProcess, tmp_path: Path) -> None:
    run = shell(
        f'eval "$({TANDEM} env --url {server.url}/ --region eu-west-1)" &&'
        ' echo "$AWS_ENDPOINT_URL $AWS_REGION"',
        tmp_path,
    )
    assert run.stdout == f"{server.url} eu-west-1\n", run.stderr


def test_no_option_is_the_folder_that_serve_takes(tmp_path: Path) -> None:
    environment = {"TANDEM_REGION": "eu-central-1"}
    with ServerProcess(tmp_path / "tandem-data", environment=environment) as server:
        run = shell(f'eval "$({TANDEM} env)" && echo "$AWS_ENDPOINT_URL $AWS_REGION"', tmp_path)
        assert run.stdout == f"{server.url} eu-central-1\n", run.stderr
        server.kill()
        again = shell(f"{TANDEM} env --data tandem-data", tmp_path)
    assert again.returncode == 1
    assert "no server runs on the folder 'tandem-data'" in again.stderr


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("--data .", "no server runs on the folder '.'"),
        ("--url http://127.0.0.1:9", "127.0.0.1:9"),
        ("--url nonsense:", "is not a URL"),
    ],
)
def test_a_script_stops_where_no_server_is(options: str, reason: str, tmp_path: Path) -> None:
    run = shell(f'set -e; eval "$({TANDEM} env {options})"; echo went on', tmp_path)
    assert run.returncode != 0
    assert run.stdout == ""
    assert reason in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_a_folder_and_a_url_are_too_much(tmp_path: Path) -> None:
    run = shell(f"{TANDEM} env --data . --url http://127.0.0.1:9", tmp_path)
    assert run.returncode == 2
    assert "give one of them" in run.stderr


def test_a_sitecustomize_of_the_user_still_runs(server: ServerProcess, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('mine')\n")
    run = shell(
        f'eval "$({TANDEM} env --url {server.url} | grep -v mine)"\n'
        f"{shlex.quote(sys.executable)} -c 'import boto3'",
        tmp_path,
        {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])},
    )
    assert run.stdout == "mine\n", run.stderr


def test_other_addresses_are_left_alone(server: ServerProcess, tmp_path: Path) -> None:
    program = """
import boto3, os
def address(service, **given):
    return boto3.client(service, region_name="us-east-1", **given).meta.endpoint_url
print(address("sts", endpoint_url="http://127.0.0.1:9"))
print(address("iam", endpoint_url="https://sts.amazonaws.com"))
del os.environ["AWS_ENDPOINT_URL"]
print(address("sts", endpoint_url="https://sts.eu-west-1.amazonaws.com"))
"""
    run = shell(
        f'eval "$({TANDEM} env --url {server.url})"\n'
        f"{shlex.quote(sys.executable)} -c {shlex.quote(program)}",
        tmp_path,
    )
    addresses = ["http://127.0.0.1:9", "https://sts.amazonaws.com"]
    assert run.stdout.split() == [*addresses, "https://sts.eu-west-1.amazonaws.com"], run.stderr


FORKS = """
import boto3, os, time
runtime = boto3.client("sagemaker-featurestore-runtime")
def ask(identifier):
    key = {"FeatureGroupName": "forked", "RecordIdentifierValueAsString": identifier}
    return runtime.get_record(**key)["Record"][0]["ValueAsString"]
codes = set()
for _ in range(20):
    assert ask("0") == "0"  # so that there is a connection to be shared
    children, start = [], time.monotonic() + 0.02
    for child in "123":
        children.append(os.fork())
        if children[-1] == 0:
            while time.monotonic() < start:
                pass
            try:
                os._exit(0 if ask(child) == child else 1)
            finally:
                os._exit(2)
    codes |= {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children}
print(codes)
"""


def test_processes_share_no_connection(server: ServerProcess, tmp_path: Path) -> None:
    sagemaker = server.client("sagemaker")
    sagemaker.create_feature_group(
        FeatureGroupName="forked",
        RecordIdentifierFeatureName="id",
        EventTimeFeatureName="time",
        FeatureDefinitions=[
            {"FeatureName": "id", "FeatureType": "String"},
            {"FeatureName": "time", "FeatureType": "Fractional"},
        ],
        OnlineStoreConfig={"EnableOnlineStore": True},
    )
    runtime = server.client("sagemaker-featurestore-runtime")
    for identifier in "0123":
        record = {"id": identifier, "time": "1"}.items()
        runtime.put_record(
            FeatureGroupName="forked",
            Record=[{"FeatureName": name, "ValueAsString": value} for name, value in record],
        )
    run = shell(
        f'eval "$({TANDEM} env --url {server.url})"\n'
        f"{shlex.quote(sys.executable)} -c {shlex.quote(FORKS)}",
        tmp_path,
    )
    assert run.stdout == "{0}\n", run.stderr


def test_what_the_server_says_of_itself(server: ServerProcess) -> None:
    answer = urllib3.request("GET", f"{server.url}/tandem/server")
    assert answer.json() == {
        "AccountId": "000000000000",
        "Region": "us-east-1",
        "Signatures": "off",
    }
