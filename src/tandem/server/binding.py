"""Which addresses the server may bind.

Requests are not authenticated yet, so whoever reaches the port can read and write everything. The
server therefore binds loopback addresses only, unless told that the network keeps others out.
"""

import ipaddress
import socket

from tandem.errors import ValidationError


def check_binding(host: str, *, is_insecure: bool) -> None:
    """Raises ValidationError where `host` can be reached from other machines."""
    if is_insecure:
        return
    if not all(ipaddress.ip_address(address).is_loopback for address in _addresses(host)):
        raise ValidationError(
            f"refusing to bind {host}: requests are not authenticated, so anyone who reaches this"
            " address could read and write all features. Bind 127.0.0.1, or give --insecure where"
            " a firewall or a proxy keeps others out"
        )


def _addresses(host: str) -> set[str]:
    try:
        found = socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)
    except OSError as error:
        raise ValidationError(f"the host {host!r} cannot be resolved: {error}") from error
    return {str(entry[4][0]).partition("%")[0] for entry in found}
