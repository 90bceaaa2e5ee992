"""One server for the tests of a module, with a feature group that has rows."""

import pytest

from e2e.athena.session import AthenaSession
from e2e.server_process import ServerProcess

GROUP = "user-features"


@pytest.fixture(scope="module")
def athena(server: ServerProcess) -> AthenaSession:
    session = AthenaSession(server)
    session.create_group(GROUP, LeadSource="Integral", note="String")
    for number in range(3):
        session.put(GROUP, f"u{number}", LeadSource=number, note='say "hi", twice')
    session.put(GROUP, "u3")
    return session
