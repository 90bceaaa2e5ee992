"""What a stream is: its source, and what its messages say, as a YAML file or a program gives it.

stream: orders                       # names the marks: how far the store has come
source:
  kafka:                             # or kinesis: {stream: orders, region: eu-west-1}
    topic: orders
    brokers: localhost:9092
    start: earliest                  # or latest, or a time: where a new stream begins
filter: {country: DE}                # other messages are passed over
group_field: type                    # its value says which of the groups a message is for
groups:
  orders:
    features:                        # without it, each feature is the field of its name
      order_id: $key
      event_time: $timestamp
      customer_id: user.id
      channel: {constant: web}
    target_stores: [OnlineStore]
dead_letters: {file: orders-dead.jsonl}
batch: {messages: 2000, wait_seconds: 0.2}
"""

from enum import StrEnum

import msgspec

from tandem.errors import ValidationError
from tandem.model.event_time import parse_iso_or_epoch
from tandem.service.streams import BATCH_ROWS_MAX


class _Defined(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A mapping whose keys are all known."""


class Format(StrEnum):
    """What the value of a message is."""

    JSON = "json"
    AVRO = "avro"


class OnGap(StrEnum):
    """What to do where the source has dropped messages that were not read."""

    STOP = "stop"
    CONTINUE = "continue"


class Tombstones(StrEnum):
    """What a message without a value means."""

    DELETE = "delete"
    SKIP = "skip"


class KafkaDefinition(_Defined):
    """A topic. Brokers are "HOST:PORT,HOST:PORT".

    group_id     the consumer group; None: the stream's name
    partitions   these, without a consumer group; None: what the group assigns
    options      of librdkafka, such as security.protocol
    """

    topic: str
    brokers: str
    start: str = "earliest"
    group_id: str | None = None
    partitions: list[int] | None = None
    on_gap: OnGap = OnGap.STOP
    options: dict[str, str | int | float | bool] = {}


class KinesisDefinition(_Defined):
    """A stream. `endpoint` is a URL, for others than AWS."""

    stream: str
    region: str | None = None
    endpoint: str | None = None
    start: str = "earliest"


class SourceDefinition(_Defined):
    """One of the two."""

    kafka: KafkaDefinition | None = None
    kinesis: KinesisDefinition | None = None

    @property
    def given(self) -> KafkaDefinition | KinesisDefinition:
        found = self.kafka or self.kinesis
        assert found is not None  # the file was checked
        return found


class Constant(_Defined):
    constant: str | int | float | bool


FeatureSource = str | Constant
"""A path in the message such as `user.id`; $key, $timestamp, $header.NAME, $partition, $offset; or
a constant.
"""


class GroupDefinition(_Defined):
    """How messages become records of a group.

    group      its name, where it is not called as the value of the group field
    features   where each feature's value is; None: in the field of the feature's name
    """

    group: str | None = None
    features: dict[str, FeatureSource] | None = None
    target_stores: list[str] | None = None


class DeadLetterDefinition(_Defined):
    """A file of JSON lines, or a topic of the same Kafka brokers."""

    file: str | None = None
    topic: str | None = None


class BatchDefinition(_Defined):
    """At most so many messages are written in one transaction, after waiting for them so long."""

    messages: int = 2_000
    wait_seconds: float = 0.2


class StreamDefinition(_Defined):
    """A stream whole. See the head of this module."""

    stream: str
    source: SourceDefinition
    groups: dict[str, GroupDefinition]
    group_field: str | None = None
    filter: dict[str, str | int | float | bool] = {}
    format: Format = Format.JSON
    schema: str | None = None
    registry: str | None = None
    tombstones: Tombstones = Tombstones.DELETE
    dead_letters: DeadLetterDefinition | None = None
    batch: BatchDefinition = msgspec.field(default_factory=BatchDefinition)

    def group_name(self, key: str) -> str:
        return self.groups[key].group or key


EARLIEST, LATEST = "earliest", "latest"
BATCH_MESSAGES_MAX = BATCH_ROWS_MAX
BATCH_WAIT_SECONDS_MAX = 60.0


def start_ms(start: str) -> int | None:
    """The moment at which a stream begins, in milliseconds since 1970; None for the two words.

    Raises ValidationError.
    """
    if start in (EARLIEST, LATEST):
        return None
    try:
        moment = parse_iso_or_epoch(start)
    except ValidationError as error:
        raise ValidationError(
            f"{start[:64]!r} is no start: write earliest, latest, or a time such as"
            " 2026-01-31T00:00:00Z"
        ) from error
    return moment.seconds * 1_000 + moment.nanoseconds // 1_000_000
