"""GetRecord as it mostly comes: for a whole record, by an identifier that nothing in is encoded.

The bytes of such a query become those of the answer, with no request or answer made in between. The
answer is the one that GetRecord gives; whatever else a query may say is left to it.
"""

import re

from tandem.service.records import Records
from tandem.wire.operation import Plain

# What stands for itself in a query: all that is printed but # % & + =. So the query has this member
# alone, and no signature. A longer identifier is none.
_QUERY = re.compile(rb"RecordIdentifierValueAsString=([!\"$'-*,-<>-~]{1,2048})")
_NO_RECORD = b"{}"


def plain_get(records: Records, group_name: str) -> Plain:
    """What answers queries about records of this group. Raises as `Records.get`."""
    match, read = _QUERY.fullmatch, records.reader(group_name).read

    def answer(query: bytes) -> bytes | None:
        found = match(query)
        if found is None:
            return None
        features_json = read(found[1].decode())
        return _NO_RECORD if features_json is None else b'{"Record":' + features_json + b"}"

    return answer
