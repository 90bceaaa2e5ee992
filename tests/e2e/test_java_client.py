"""The HTTP client of Java's own library, which asks for HTTP/2 with its first request."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import tandem
from e2e.server_process import ServerProcess

PROGRAM = Path(__file__).parent / "java" / "PutAndGet.java"
RECORD = [
    {"FeatureName": "id", "ValueAsString": "J1"},
    {"FeatureName": "time", "ValueAsString": "1.7e9"},
]


def _has_compiler() -> bool:
    java = shutil.which("java")
    if java is None:
        return False
    listed = subprocess.run([java, "--list-modules"], capture_output=True, check=False, text=True)
    return "jdk.compiler" in listed.stdout


@pytest.mark.skipif(not _has_compiler(), reason="there is no Java here that runs a source file")
def test_a_record_by_java(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        with tandem.connect(server.url) as store:
            store.create_feature_group(
                "customers",
                features={"id": "String", "time": "Fractional"},
                record_identifier="id",
                event_time="time",
            )
        done = subprocess.run(
            ["java", PROGRAM, server.url, json.dumps({"Record": RECORD})],
            capture_output=True,
            check=True,
            text=True,
        )
    put, get = done.stdout.splitlines()
    assert put.strip() == "200"
    status, _, body = get.partition(" ")
    assert status == "200"
    assert json.loads(body) == {"Record": RECORD}
