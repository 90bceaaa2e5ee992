"""A store in memory that says that it is in another process, and answers when it is told to."""

import threading
from collections.abc import Sequence

from tandem.errors import DataCorrupted, StoreUnavailable
from tandem.model.write import RecordKey
from tandem.online.memory import MemoryOnlineStore
from tandem.online.online_record import OnlineRecord

_SECONDS_MAX = 60


class RemoteStore(MemoryOnlineStore):
    """calls         the identifiers of each call of `get`
    begun           is released once for each call, before it waits
    may_answer      calls wait for it
    damaged         identifiers whose records cannot be read
    failure         what calls raise
    """

    def __init__(self, *, is_remote: bool = True) -> None:
        super().__init__()
        self.is_remote = is_remote
        self.calls: list[list[str]] = []
        self.begun = threading.Semaphore(0)
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.damaged: set[str] = set()
        self.failure: Exception | None = None

    def get(self, keys: Sequence[RecordKey]) -> list[OnlineRecord | None]:
        self.calls.append([key.identifier for key in keys])
        self.begun.release()
        assert self.may_answer.wait(_SECONDS_MAX)
        if self.failure is not None:
            raise self.failure
        for key in keys:
            if key.identifier in self.damaged:
                raise DataCorrupted(f"record {key.identifier!r} does not match its checksum")
        return super().get(keys)

    @property
    def sizes(self) -> list[int]:
        return [len(call) for call in self.calls]

    def wait_for_a_call(self) -> None:
        assert self.begun.acquire(timeout=_SECONDS_MAX)

    def go_away(self) -> None:
        self.failure = StoreUnavailable("the store does not answer: try again later")
