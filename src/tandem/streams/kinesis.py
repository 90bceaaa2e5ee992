"""Kinesis as a source, with boto3 alone.

* Every shard is read by this process, a child after its parents have been read to their ends, so
  that the records of one key keep their order through a resharding. A second process stands by: the
  store's marks let one of two write.
* A position is the last sequence number that is written, or one of the words below.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tandem.errors import ValidationError
from tandem.streams.base import Lag, Message, Pulled, Source, SourceUnavailable, Standing, Starts
from tandem.streams.definition import LATEST, KinesisDefinition, start_ms

_HORIZON = "TRIM_HORIZON"
_END = "SHARD_END"
_MOMENT = "AT-"
"""And milliseconds since 1970."""
_READ_SECONDS = 0.25
"""A shard answers five reads a second."""
_IDLE_SECONDS = 1.0
_LIST_SECONDS = 60.0
_RECORDS_MAX = 10_000
_OURS_TO_MEND = frozenset(
    {
        "ResourceNotFoundException",
        "AccessDeniedException",
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "ValidationException",
        "KMSAccessDeniedException",
    }
)


@dataclass(slots=True)
class _Shard:
    """One that is read. `iterator` None: one is asked for; `due` is when, by the steady clock."""

    position: str
    iterator: str | None = None
    due: float = 0.0
    behind_ms: int | None = None
    is_at_end: bool = False
    is_paused: bool = False


class KinesisSource(Source):
    def __init__(self, definition: KinesisDefinition) -> None:
        self.topic = definition.stream
        self._definition = definition
        try:
            self._client: Any = boto3.client(
                "kinesis",
                endpoint_url=definition.endpoint,
                region_name=definition.region,
                config=Config(retries={"mode": "standard"}, connect_timeout=5, read_timeout=30),
            )
        except (BotoCoreError, ValueError) as error:
            raise ValidationError(f"source.kinesis: {error}") from error
        self._starts: Starts | None = None
        self._shards: dict[str, _Shard] = {}
        self._ended: set[str] = set()
        self._listed_at = float("-inf")

    def partitions(self) -> Sequence[str]:
        return list(self._listed())

    def open(self, starts: Starts) -> None:
        self._starts = starts
        self._look_for_shards()

    def poll(self, messages_max: int, wait_seconds: float) -> Sequence[Pulled]:
        deadline = time.monotonic() + wait_seconds
        if time.monotonic() - self._listed_at > _LIST_SECONDS:
            self._look_for_shards()
        while True:
            found: list[Pulled] = []
            room = messages_max
            for name in self._by_due():
                if room <= 0 or self._shards[name].due > time.monotonic():
                    break
                if (pulled := self._read(name, min(room, _RECORDS_MAX))) is not None:
                    found.append(pulled)
                    room -= len(pulled.messages)
            if found or time.monotonic() >= deadline:
                return found
            times = [one.due for one in self._shards.values() if not one.is_paused]
            pause = min([deadline, *times]) - time.monotonic()
            time.sleep(max(pause, 0.01))

    def seek(self, partition: str, position: str | None) -> None:
        if position is None:
            if partition in self._shards:
                self._shards[partition].is_paused = True
        elif position == _END:
            self._forget(partition)
            self._listed_at = float("-inf")  # its children may be read now
        else:
            self._ended.discard(partition)
            self._shards[partition] = _Shard(position)

    def written(self, positions: Mapping[str, str]) -> None:
        ended = [name for name, position in positions.items() if position == _END]
        for name in ended:
            self._forget(name)
        if ended:
            self._look_for_shards()

    def keep_alive(self) -> None:
        """Nobody takes a reader of Kinesis for dead."""

    def standing(self) -> Standing:
        lags = {name: Lag(milliseconds=one.behind_ms) for name, one in self._shards.items()}
        return Standing(lags, all(one.is_at_end for one in self._shards.values()))

    def close(self) -> None:
        self._client.close()

    def _by_due(self) -> list[str]:
        waiting = [name for name, one in self._shards.items() if not one.is_paused]
        return sorted(waiting, key=lambda name: self._shards[name].due)

    def _read(self, name: str, records_max: int) -> Pulled | None:
        shard = self._shards[name]
        if shard.iterator == _END:
            return None  # its end is on the way into the store
        if shard.iterator is None:
            shard.iterator = self._iterator(name, shard.position)
        try:
            answer = self._ask("get_records", ShardIterator=shard.iterator, Limit=records_max)
        except _IteratorExpired:
            shard.iterator = None
            return None
        shard.iterator = answer.get("NextShardIterator") or _END
        shard.behind_ms = answer.get("MillisBehindLatest")
        messages = [_message(name, record) for record in answer["Records"]]
        is_over = shard.iterator == _END
        shard.is_at_end = not messages and not is_over and not shard.behind_ms
        is_busy = bool(messages or shard.behind_ms)
        shard.due = time.monotonic() + (_READ_SECONDS if is_busy else _IDLE_SECONDS)
        if not messages and not is_over:
            return None
        shard.position = _END if is_over else messages[-1].offset
        return Pulled(name, messages, shard.position)

    def _iterator(self, name: str, position: str) -> str:
        where: dict[str, Any] = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER"}
        if position == _HORIZON:
            where["ShardIteratorType"] = _HORIZON
        elif position.startswith(_MOMENT):
            seconds = int(position.removeprefix(_MOMENT)) / 1e3
            where = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": seconds}
        else:
            where["StartingSequenceNumber"] = position
        answer = self._ask("get_shard_iterator", StreamName=self.topic, ShardId=name, **where)
        iterator: str = answer["ShardIterator"]
        return iterator

    def _look_for_shards(self) -> None:
        """Takes up the shards that can be read: not at their end, and their parents are."""
        assert self._starts is not None
        parents = self._listed()
        positions = self._starts.begin(list(parents), self._first_starts, _later_starts)
        self._ended |= {name for name, position in positions.items() if position == _END}
        for name, above in parents.items():
            is_next = all(one in self._ended or one not in parents for one in above)
            if name not in self._shards and name not in self._ended and is_next:
                self._shards[name] = _Shard(positions[name])
                self._starts.reads_from({name: positions[name]})
        self._listed_at = time.monotonic()

    def _listed(self) -> dict[str, list[str]]:
        """The names of the parents of each shard."""
        found: dict[str, list[str]] = {}
        request: dict[str, Any] = {"StreamName": self.topic}
        while True:
            answer = self._ask("list_shards", **request)
            for shard in answer["Shards"]:
                above = (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
                found[shard["ShardId"]] = [name for name in above if name is not None]
            if not answer.get("NextToken"):
                return found
            request = {"NextToken": answer["NextToken"]}

    def _first_starts(self, partitions: Sequence[str]) -> Mapping[str, str]:
        moment = start_ms(self._definition.start)
        if self._definition.start == LATEST:
            # A name for this moment: the latest would be another one after a crash.
            moment = time.time_ns() // 1_000_000
        start = _HORIZON if moment is None else f"{_MOMENT}{moment}"
        return dict.fromkeys(partitions, start)

    def _forget(self, name: str) -> None:
        self._shards.pop(name, None)
        self._ended.add(name)

    def _ask(self, operation: str, **request: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**request)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code == "ExpiredIteratorException":
                raise _IteratorExpired from error
            if code in _OURS_TO_MEND:
                raise ValidationError(f"source.kinesis: {error}") from error
            raise SourceUnavailable(str(error)) from error
        except BotoCoreError as error:
            kind = type(error).__name__
            if kind in ("NoCredentialsError", "NoRegionError", "ParamValidationError"):
                raise ValidationError(f"source.kinesis: {error}") from error
            raise SourceUnavailable(str(error)) from error
        return answer


class _IteratorExpired(Exception):
    """It was not used for five minutes."""


def _later_starts(partitions: Sequence[str]) -> Mapping[str, str]:
    """Shards come of a resharding: all that is in them is new."""
    return dict.fromkeys(partitions, _HORIZON)


def _message(shard: str, record: Mapping[str, Any]) -> Message:
    arrival = record.get("ApproximateArrivalTimestamp")
    return Message(
        shard,
        record["SequenceNumber"],
        record["PartitionKey"].encode(),
        record["Data"],
        None if arrival is None else round(arrival.timestamp() * 1e3),
    )
