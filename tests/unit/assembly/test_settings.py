"""Settings: from code, from the environment, and refused by name where they do not fit."""

from pathlib import Path

import pytest

from tandem.assembly import backends
from tandem.assembly.settings import Settings, settings_from_environment
from tandem.errors import ValidationError


def test_the_environment_is_read_and_code_wins() -> None:
    environment = {
        "TANDEM_DATA": "/somewhere",
        "TANDEM_DELIVERY_ENTRIES_MAX": "7",
        "TANDEM_REGION": "eu-west-1",
        "OTHER": "x",
    }
    settings = settings_from_environment(environment, region="us-west-2")
    assert settings == Settings(data=Path("/somewhere"), delivery_entries_max=7, region="us-west-2")


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"TANDEM_DELIVERY_ENTRIES_MAX": "many"}, "TANDEM_DELIVERY_ENTRIES_MAX='many'"),
        ({"TANDEM_DELIVERY_INTERVAL_SECONDS": "0"}, "delivery_interval_seconds"),
        ({"TANDEM_DELIVERY_INTERVAL_SECONDS": "nan"}, "delivery_interval_seconds"),
        ({"TANDEM_ACCOUNT_ID": "12"}, "account_id '12'"),
        ({"TANDEM_BATCH_LOAD_FOLDERS": "/data, data"}, "batch_load_folders 'data'"),
        ({"TANDEM_BATCH_LOAD_S3": "bucket/x"}, "batch_load_s3 'bucket/x'"),
        ({"TANDEM_BATCH_LOAD_S3_ENDPOINT": "minio:9000"}, "batch_load_s3_endpoint 'minio:9000'"),
    ],
)
def test_a_wrong_setting_is_named(environment: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        settings_from_environment(environment)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("rocks", r"use one of \['lmdb', 'memory', 'redis'\]"),
        ("no.such.module:Class", "cannot be loaded"),
        ("tandem.online.memory:NoSuchClass", "cannot be loaded"),
    ],
)
def test_an_unknown_backend_is_named(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        backends.online_store(Settings(data=tmp_path, online_store=name))


def test_a_setting_of_the_wrong_type_is_named() -> None:
    with pytest.raises(ValidationError, match="delivery_interval_seconds '5'"):
        settings_from_environment({}, delivery_interval_seconds="5")
    assert settings_from_environment({}, delivery_interval_seconds=5).delivery_interval_seconds == 5


def test_an_unknown_setting_is_named() -> None:
    with pytest.raises(ValidationError, match="'colour'"):
        settings_from_environment({}, colour="blue")
