"""The library's credentials, and that the server takes what it signs with them."""

from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tandem
from tandem.errors import ValidationError
from tandem.sdk.credentials import Credentials, found_credentials, given_credentials
from tandem.sdk.signing import signed_headers
from tandem.wire.http import Request
from wire.signed_requests import HOST, KEY, SECRET, Gate

GATE = Gate()


@settings(max_examples=100, deadline=None)
@given(
    name=st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    query=st.lists(st.tuples(st.sampled_from(["a", "b"]), st.text("ab /+é~%", max_size=4))),
    body=st.none() | st.binary(max_size=20),
    has_session=st.booleans(),
)
def test_what_the_library_signs_is_taken(
    name: str, query: list[tuple[str, str]], body: bytes | None, has_session: bool
) -> None:
    credentials = Credentials(KEY, SECRET)
    if has_session:
        made = GATE.sessions.assume("arn:aws:iam::123456789012:role/r", "notebook", issuer=KEY)
        credentials = Credentials(made.access_key_id, made.secret_access_key, made.token)
    path = f"/FeatureGroup/{quote(name, safe='')}"
    target = f"{path}?{urlencode(query)}" if query else path
    given = {"Content-Type": "application/json", "X-Amz-Target": "SageMaker.Search"}
    headers = signed_headers(credentials, "PUT", HOST, target, given, body)
    raw_path, _, raw_query = target.encode().partition(b"?")
    request = Request("PUT", raw_path, raw_query, headers, body or b"", "id")
    assert GATE.authenticator.check_whole(request, "sagemaker").issuer == KEY
    GATE.authenticator.check_head(request, "sagemaker")


def test_what_is_given_comes_whole() -> None:
    assert given_credentials(None, None, None) is None
    assert given_credentials("K", "S", "") == Credentials("K", "S", None)
    for half in (("K", None, None), (None, "S", None), (None, None, "T"), ("", "S", None)):
        with pytest.raises(ValidationError, match="both"):
            given_credentials(*half)


def test_a_folder_needs_no_key(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="needs no access key"):
        tandem.connect(tmp_path / "data", access_key="K", secret_key="S")
    assert not (tmp_path / "data").exists()


def test_nobody_sees_a_secret() -> None:
    assert "S3CR3T" not in repr(Credentials("K", "S3CR3T", "S3CR3T"))


def test_the_environment_comes_before_the_file(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path)}
    assert found_credentials(environment) is None
    folder = tmp_path / ".aws"
    folder.mkdir()
    (folder / "credentials").write_text(
        "[default]\naws_access_key_id = D\naws_secret_access_key = DS\n"
        "[other]\naws_access_key_id = O\naws_secret_access_key = OS\naws_session_token = OT\n"
        "[role]\nrole_arn = arn\n"
    )
    assert found_credentials(environment) == Credentials("D", "DS")
    assert found_credentials({**environment, "AWS_PROFILE": "other"}) == Credentials(
        "O", "OS", "OT"
    )
    assert found_credentials({**environment, "AWS_PROFILE": "role"}) is None
    assert found_credentials({**environment, "AWS_PROFILE": "none"}) is None
    own = {"AWS_ACCESS_KEY_ID": "E", "AWS_SECRET_ACCESS_KEY": "ES"}
    assert found_credentials({**environment, **own}) == Credentials("E", "ES")
    assert found_credentials({**environment, **own, "AWS_SESSION_TOKEN": "T"}) == Credentials(
        "E", "ES", "T"
    )
    (folder / "credentials").write_text("nonsense S3CR3T")
    with pytest.raises(ValidationError) as raised:
        found_credentials(environment)
    assert "S3CR3T" not in str(raised.value)
