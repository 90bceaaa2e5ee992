"""What others can reach is bound where requests must be signed, or the user says otherwise."""

import pytest

from tandem.errors import ValidationError
from tandem.server.binding import are_signatures_required, resolved

LOOPBACK = ["127.0.0.1", "127.0.0.7", "::1", "localhost"]
OTHERS = ["0.0.0.0", "::", "192.0.2.1"]


def required(
    host: str, signatures: str = "auto", *, insecure: bool = False, keys: bool = True
) -> bool:
    return are_signatures_required(host, signatures, is_insecure=insecure, has_keys=keys)


@pytest.mark.parametrize("host", LOOPBACK)
def test_on_loopback_they_are_where_there_are_keys(host: str) -> None:
    assert required(host)
    assert required(host, "required")
    assert not required(host, keys=False)
    assert not required(host, "off")


@pytest.mark.parametrize("host", OTHERS)
def test_elsewhere_they_always_are(host: str) -> None:
    assert required(host)
    with pytest.raises(ValidationError, match="tandem access-keys create"):
        required(host, keys=False)
    with pytest.raises(ValidationError, match="signatures are off"):
        required(host, "off")


@pytest.mark.parametrize("host", OTHERS)
def test_insecure_lifts_what_other_addresses_need(host: str) -> None:
    assert not required(host, insecure=True, keys=False)
    assert not required(host, "off", insecure=True)
    assert required(host, insecure=True)
    assert required(host, "required", insecure=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("insecure", [False, True])
def test_a_server_that_could_answer_nobody_does_not_start(host: str, insecure: bool) -> None:
    with pytest.raises(ValidationError, match="there is no access key"):
        required(host, "required", insecure=insecure, keys=False)


def test_a_host_that_is_not_known_is_named() -> None:
    with pytest.raises(ValidationError, match=r"'no\.such\.host\.invalid' cannot be resolved"):
        required("no.such.host.invalid", keys=False)


@pytest.mark.parametrize("host", ["", " "])
def test_an_empty_host_is_said_to_be_empty(host: str) -> None:
    with pytest.raises(ValidationError, match=r"the host is empty: give an address"):
        required(host, keys=False)


@pytest.mark.parametrize("host", ["a..b", "a" * 64, "no.such.host.invalid"])
def test_what_no_host_may_be_called_is_refused(host: str) -> None:
    with pytest.raises(ValidationError, match="cannot be resolved"):
        resolved(host)
