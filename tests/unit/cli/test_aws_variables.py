"""What `tandem env` sets and removes, as the environment before it says."""

from pathlib import Path

import pytest

from tandem.cli.aws_variables import aws_variables

URL = "http://127.0.0.1:8790"


def variables(before: dict[str, str], home: Path) -> dict[str, str | None]:
    return aws_variables(URL, "eu-west-1", {"HOME": str(home), **before})


def test_what_would_lead_to_aws_is_removed(tmp_path: Path) -> None:
    before = {
        "AWS_PROFILE": "production",
        "AWS_SESSION_TOKEN": "token",
        "AWS_ENDPOINT_URL_S3": "https://s3.amazonaws.com",
        "AWS_ENDPOINT_URL_ATHENA": "https://athena.us-east-1.amazonaws.com",
        "AWS_ENDPOINT_URL_X;id": "no name of a variable",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_CONFIG_FILE": "/elsewhere",
    }
    found = variables(before, tmp_path)
    removed = {name for name, value in found.items() if value is None}
    assert removed == set(before) - {"AWS_ENDPOINT_URL_X;id", "AWS_CONFIG_FILE"}
    assert found["AWS_ENDPOINT_URL"] == found["TANDEM_STORE"] == URL
    assert found["AWS_REGION"] == found["AWS_DEFAULT_REGION"] == "eu-west-1"


def test_paths_of_the_user_stay_behind_ours(tmp_path: Path) -> None:
    ours = variables({}, tmp_path)["PYTHONPATH"]
    assert ours is not None
    assert [path.name for path in Path(ours).glob("*.py")] == ["sitecustomize.py"]
    assert variables({"PYTHONPATH": "/mine:/too"}, tmp_path)["PYTHONPATH"] == f"{ours}:/mine:/too"


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"])
def test_a_proxy_is_not_asked_for_the_server(tmp_path: Path, name: str) -> None:
    assert "NO_PROXY" not in variables({}, tmp_path)
    found = variables({name: "http://proxy:3128", "no_proxy": "example.com"}, tmp_path)
    assert found["no_proxy"] == "127.0.0.1,example.com"
    assert found["NO_PROXY"] == "127.0.0.1"


def test_settings_of_the_sdk_that_somebody_has_are_kept(tmp_path: Path) -> None:
    admin, user = "SAGEMAKER_ADMIN_CONFIG_OVERRIDE", "SAGEMAKER_USER_CONFIG_OVERRIDE"
    machine, own = tmp_path / "machine", tmp_path / "own"
    before = {"XDG_CONFIG_DIRS": str(machine), "XDG_CONFIG_HOME": str(own)}

    def set_by_us(**more: str) -> set[str]:
        return {admin, user} & variables({**before, **more}, tmp_path).keys()

    assert set_by_us() == {admin}
    assert set_by_us(**{admin: "/mine.yaml"}) == {user}
    assert set_by_us(**{user: "/mine.yaml"}) == {admin}
    assert set_by_us(**{admin: "/mine.yaml", user: "/mine.yaml"}) == set()
    for folder, left in ((machine, {user}), (own, set())):
        (folder / "sagemaker").mkdir(parents=True)
        (folder / "sagemaker/config.yaml").write_text("SchemaVersion: '1.0'\n")
        assert set_by_us() == left
