"""What the process of queries of a server runs: a core whose memory is bounded, and a socket for
queries.
"""

from tandem.assembly.settings import Settings
from tandem.query.memory_limit import limit_memory
from tandem.server import companion_process


def _limit_memory(settings: Settings) -> None:
    limit_memory(settings.query_memory_bytes)


if __name__ == "__main__":
    companion_process.run(does_background_work=False, when_open=_limit_memory)
