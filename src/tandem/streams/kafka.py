"""Kafka as a source, and a topic of it for dead letters.

* The consumer group assigns partitions, and nothing else: a partition is read from the store's
  mark. Offsets are committed to the group after ours, for those who look at it.
* `partitions` of the definition read without a group: a consumer that comes back need not wait
  until the group has noticed that the one before it is dead.
* librdkafka connects again by itself; what it complains of is told as the last error.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)

from tandem.errors import ValidationError
from tandem.streams.base import (
    DeadLetter,
    DeadLetters,
    Lag,
    Message,
    Pulled,
    Source,
    SourceUnavailable,
    Standing,
    Starts,
)
from tandem.streams.definition import LATEST, KafkaDefinition, OnGap, start_ms

_log = logging.getLogger("tandem.streams")
_ANSWER_SECONDS_MAX = 10.0
_PREFETCH_KILOBYTES = 16 << 10
"""Bounds what is in memory before it is asked for."""


class KafkaSource(Source):
    def __init__(
        self, definition: KafkaDefinition, stream: str, tell_error: Callable[[str], None]
    ) -> None:
        self.topic = definition.topic
        self._definition = definition
        self._tell_error = tell_error
        self._consumer = _made(
            Consumer,
            {
                "queued.max.messages.kbytes": _PREFETCH_KILOBYTES,
                "partition.assignment.strategy": "cooperative-sticky",
                **_options(definition),
                "group.id": definition.group_id or stream,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "enable.partition.eof": True,
                # A gap is not jumped over without a word.
                "auto.offset.reset": "error",
                "error_cb": lambda error: tell_error(str(error)),
            },
        )
        self._starts: Starts | None = None
        self._assigned: set[int] = set()
        self._paused: set[int] = set()
        self._ends: dict[int, int] = {}
        self._read: dict[int, int] = {}
        self._left: list[Any] = []
        self._is_assigned = False
        self._raised: Exception | None = None

    def partitions(self) -> Sequence[str]:
        return [str(number) for number in self._partition_numbers()]

    def open(self, starts: Starts) -> None:
        self._starts = starts
        numbers = self._partition_numbers()
        if self._definition.partitions is None:
            self._consumer.subscribe(
                [self.topic], on_assign=self._given, on_revoke=self._taken, on_lost=self._lost
            )
            return
        wanted = self._definition.partitions
        missing = [number for number in wanted if number not in numbers]
        if missing:
            raise ValidationError(
                f"source.kafka.partitions: topic {self.topic!r} has no partitions {missing}; it has"
                f" {len(numbers)}"
            )
        self._consumer.assign(self._from_marks(wanted))
        self._assigned = set(wanted)
        self._is_assigned = True

    def poll(self, messages_max: int, wait_seconds: float) -> Sequence[Pulled]:
        came = self._left or self._consume(messages_max, wait_seconds)
        self._left = []
        if self._raised is not None:
            raised, self._raised = self._raised, None
            raise raised
        by_partition: dict[int, list[Message]] = {}
        for one in came:
            number = one.partition()
            if (error := one.error()) is not None:
                self._meet(error, number, one.offset())
            elif number in self._assigned:
                by_partition.setdefault(number, []).append(_message(one))
                self._read[number] = one.offset() + 1
                self._ends.pop(number, None)
        return [
            Pulled(str(number), messages, str(int(messages[-1].offset) + 1))
            for number, messages in by_partition.items()
        ]

    def seek(self, partition: str, position: str | None) -> None:
        number = int(partition)
        if number not in self._assigned:
            return
        self._left = [one for one in self._left if one.partition() != number]
        self._ends.pop(number, None)
        if position is None:
            self._consumer.pause([TopicPartition(self.topic, number)])
            self._paused.add(number)
            return
        place = TopicPartition(self.topic, number, int(position))
        try:
            self._consumer.resume([place])
            self._consumer.seek(place)
        except KafkaException as error:
            raise SourceUnavailable(f"partition {number} cannot be read again: {error}") from error
        self._paused.discard(number)
        self._read[number] = int(position)

    def written(self, positions: Mapping[str, str]) -> None:
        if self._definition.partitions is not None:
            return  # without a group there is nobody to commit for
        offsets = [
            TopicPartition(self.topic, int(partition), int(position))
            for partition, position in positions.items()
            if int(partition) in self._assigned
        ]
        try:
            if offsets:
                self._consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as error:
            self._tell_error(f"offsets are not shown to the group: {error}")

    def keep_alive(self) -> None:
        places = [TopicPartition(self.topic, one) for one in self._assigned - self._paused]
        self._consumer.pause(places)
        self._left += self._consume(1, 0.0)
        # Some may have gone to others meanwhile.
        self._consumer.resume([one for one in places if one.partition in self._assigned])

    def standing(self) -> Standing:
        found: dict[str, Lag] = {}
        for number in sorted(self._assigned):
            place = TopicPartition(self.topic, number)
            _, high = self._consumer.get_watermark_offsets(place, cached=True)
            read = max(self._read.get(number, 0), self._ends.get(number, 0))
            found[str(number)] = Lag(messages=None if high < 0 else max(high - read, 0))
        is_read = self._assigned <= self._ends.keys() and not self._left
        return Standing(found, self._is_assigned and is_read)

    def close(self) -> None:
        self._consumer.close()

    def _consume(self, messages_max: int, wait_seconds: float) -> list[Any]:
        try:
            found: list[Any] = self._consumer.consume(messages_max, wait_seconds)
            return found
        except KafkaException as error:
            raise SourceUnavailable(str(error)) from error

    def _meet(self, error: Any, number: int, offset: int) -> None:
        """An event that came in the place of a message."""
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the library's name for it
            self._ends[number] = offset
        elif error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):  # noqa: SLF001
            self._meet_gap(number)
        elif error.fatal() or error.code() in _OURS_TO_MEND:
            raise ValidationError(f"source.kafka: {error}")
        else:
            self._tell_error(str(error))

    def _meet_gap(self, number: int) -> None:
        """The position is not in the partition any more."""
        low, high = self._watermarks(number)
        read = self._read.get(number, 0)
        what = (
            f"partition {number} of topic {self.topic!r} has the offsets {low} to {high}, and the"
            f" stream stands at {read}: messages in between are lost, or the topic was made anew"
        )
        if self._definition.on_gap is OnGap.STOP:
            raise ValidationError(f"{what}; write on_gap: continue to go on at offset {low}")
        _log.warning("%s; going on at offset %d", what, low)
        place = TopicPartition(self.topic, number, low)
        # The library has given the partition up, and would not seek in it any more.
        self._consumer.incremental_unassign([place])
        self._consumer.incremental_assign([place])
        self._read[number] = low

    def _given(self, consumer: Any, places: list[Any]) -> None:
        numbers = [place.partition for place in places]
        try:
            consumer.incremental_assign(self._from_marks(numbers) if numbers else [])
            self._assigned |= set(numbers)
        except Exception as error:  # noqa: BLE001 - the library would swallow it; `poll` raises it
            self._raised = error
            # Else the library would assign them from the group's offsets, which are not ours.
            consumer.incremental_assign([])
        self._is_assigned = True

    def _taken(self, consumer: Any, places: list[Any]) -> None:
        assert self._starts is not None
        self._starts.release()
        self._lost(consumer, places)

    def _lost(self, consumer: Any, places: list[Any]) -> None:
        for place in places:
            self._assigned.discard(place.partition)
            self._paused.discard(place.partition)
            self._ends.pop(place.partition, None)
        self._left = [one for one in self._left if one.partition() in self._assigned]
        consumer.incremental_unassign(places)

    def _from_marks(self, numbers: Sequence[int]) -> list[Any]:
        assert self._starts is not None
        every = [str(number) for number in self._partition_numbers()]
        positions = self._starts.begin(every, self._first_starts, self._later_starts)
        self._read.update({number: int(positions[str(number)]) for number in numbers})
        self._starts.reads_from({str(number): positions[str(number)] for number in numbers})
        return [TopicPartition(self.topic, number, self._read[number]) for number in numbers]

    def _first_starts(self, partitions: Sequence[str]) -> Mapping[str, str]:
        moment = start_ms(self._definition.start)
        if moment is None:
            is_latest = self._definition.start == LATEST
            return {one: str(self._watermarks(int(one))[is_latest]) for one in partitions}
        places = [TopicPartition(self.topic, int(one), moment) for one in partitions]
        try:
            found = self._consumer.offsets_for_times(places, timeout=_ANSWER_SECONDS_MAX)
        except KafkaException as error:
            raise SourceUnavailable(str(error)) from error
        return {
            # Where no message is that late, the end.
            str(place.partition): str(
                place.offset if place.offset >= 0 else self._watermarks(place.partition)[1]
            )
            for place in found
        }

    def _later_starts(self, partitions: Sequence[str]) -> Mapping[str, str]:
        return {one: str(self._watermarks(int(one))[0]) for one in partitions}

    def _watermarks(self, number: int) -> tuple[int, int]:
        place = TopicPartition(self.topic, number)
        try:
            low, high = self._consumer.get_watermark_offsets(place, timeout=_ANSWER_SECONDS_MAX)
        except KafkaException as error:
            raise SourceUnavailable(str(error)) from error
        return low, high

    def _partition_numbers(self) -> list[int]:
        try:
            found = self._consumer.list_topics(self.topic, timeout=_ANSWER_SECONDS_MAX)
        except KafkaException as error:
            raise SourceUnavailable(
                f"the brokers {self._definition.brokers!r} do not answer: {error}"
            ) from error
        topic = found.topics[self.topic]
        if topic.error is not None:
            code = topic.error.code()
            if code in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_AUTHORIZATION_FAILED):
                raise ValidationError(f"source.kafka.topic: {self.topic!r}: {topic.error}")
            raise SourceUnavailable(str(topic.error))
        return sorted(topic.partitions)


class DeadLetterTopic(DeadLetters):
    """Key and value as they were; what else there is to say stands in the headers."""

    def __init__(self, definition: KafkaDefinition, topic: str) -> None:
        self._topic = topic
        self._producer = _made(
            Producer, {**_options(definition), "acks": "all", "enable.idempotence": True}
        )

    def write(self, letters: Sequence[DeadLetter]) -> None:
        failures: list[str] = []

        def delivered(error: Any, _message: Any) -> None:
            if error is not None:
                failures.append(str(error))

        try:
            for letter in letters:
                self._producer.produce(
                    self._topic,
                    key=letter.message.key,
                    value=letter.message.value,
                    headers=_dead_letter_headers(letter),
                    on_delivery=delivered,
                )
                self._producer.poll(0)
            left = self._producer.flush(_ANSWER_SECONDS_MAX)
        except (KafkaException, BufferError) as error:
            raise SourceUnavailable(f"dead letters: {error}") from error
        if failures or left:
            self._producer.purge()
            self._producer.flush(_ANSWER_SECONDS_MAX)
            why = failures[0] if failures else "the brokers do not answer"
            raise SourceUnavailable(f"dead letters cannot be written to {self._topic!r}: {why}")

    def close(self) -> None:
        self._producer.flush(_ANSWER_SECONDS_MAX)


def _dead_letter_headers(letter: DeadLetter) -> list[tuple[str, bytes]]:
    said = {
        "tandem.stream": letter.stream,
        "tandem.topic": letter.topic,
        "tandem.partition": letter.message.partition,
        "tandem.offset": letter.message.offset,
        "tandem.reason": letter.reason,
    }
    return [(name, text.encode(errors="backslashreplace")) for name, text in said.items()]


def _message(one: Any) -> Message:
    _, timestamp_ms = one.timestamp()
    headers = one.headers()
    return Message(
        str(one.partition()),
        str(one.offset()),
        one.key(),
        one.value(),
        timestamp_ms if timestamp_ms >= 0 else None,
        dict(headers) if headers else {},
    )


def _options(definition: KafkaDefinition) -> dict[str, Any]:
    return {**definition.options, "bootstrap.servers": definition.brokers}


def _made(kind: Callable[[dict[str, Any]], Any], options: dict[str, Any]) -> Any:
    quiet = {"logger": logging.getLogger("tandem.streams.librdkafka"), **options}
    try:
        return kind(quiet)
    except (KafkaException, TypeError, ValueError) as error:
        raise ValidationError(f"source.kafka.options: {error}") from error


_OURS_TO_MEND = (
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
)
