"""Which addresses the server may bind, and whether it answers signed requests alone.

    setting     on loopback addresses         on others                            with --insecure
    auto        required where there are      required                             as on loopback
                access keys
    required    required                      required                             required
    off         not looked at                 refused                              not looked at

Where signatures are required and there is no access key, the server does not start: it could answer
nothing. What is decided when it starts stays: a key that is made later closes no door behind which
somebody works, and the last one that goes opens none.
"""

import ipaddress
import socket
from collections.abc import Sequence
from typing import NamedTuple

from tandem.errors import ValidationError

_HOW = (
    "Make an access key with 'tandem access-keys create --data FOLDER', or give some by"
    " TANDEM_ACCESS_KEYS or TANDEM_ACCESS_KEYS_FILE"
)


def are_signatures_required(
    host: str, signatures: str, *, is_insecure: bool, has_keys: bool
) -> bool:
    """Raises ValidationError where they are and nobody could sign, and where they are off and other
    machines can reach `host`.
    """
    if has_keys and signatures != "off":
        return True
    if signatures == "required":
        raise ValidationError(f"TANDEM_SIGNATURES is required, and there is no access key. {_HOW}")
    if is_insecure or not can_be_reached(host):
        return False
    if signatures == "off":
        raise ValidationError(
            f"refusing to bind {host}: signatures are off, so anyone who reaches this address could"
            " read and write all features. Take TANDEM_SIGNATURES away, bind 127.0.0.1, or give"
            " --insecure where a firewall or a proxy keeps others out"
        )
    raise ValidationError(
        f"refusing to bind {host}: there is no access key that requests could be signed with,"
        f" and anyone who reaches this address could read and write all features. {_HOW}; or"
        " bind 127.0.0.1; or give --insecure where a firewall or a proxy keeps others out"
    )


def can_be_reached(host: str) -> bool:
    """Whether other machines can reach a host. Raises ValidationError where it is not known."""
    found = resolved(host)
    return not all(ipaddress.ip_address(one.address).is_loopback for one in found)


class Resolved(NamedTuple):
    family: socket.AddressFamily
    address: str


def resolved(host: str) -> Sequence[Resolved]:
    """The addresses of a host. Raises ValidationError where it has none."""
    if not host.strip():
        raise ValidationError(
            "the host is empty: give an address, such as 127.0.0.1, or 0.0.0.0 for all that this"
            " machine has"
        )
    try:
        found = socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as error:  # the second of labels that no name may have
        raise ValidationError(
            f"the host {host!r:.80} cannot be resolved: {error}: give an address or a name"
        ) from error
    return [Resolved(entry[0], str(entry[4][0]).partition("%")[0]) for entry in found]
