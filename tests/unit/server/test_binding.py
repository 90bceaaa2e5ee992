"""Only loopback addresses are bound, unless the user says otherwise."""

import pytest

from tandem.errors import ValidationError
from tandem.server.binding import check_binding


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.7", "::1", "localhost"])
def test_loopback_is_bound(host: str) -> None:
    check_binding(host, is_insecure=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", ""])
def test_other_addresses_are_refused(host: str) -> None:
    with pytest.raises(ValidationError):
        check_binding(host, is_insecure=False)
    check_binding(host, is_insecure=True)
