"""Streams: messages of Kafka and Kinesis become records, each exactly once.

stream = Stream(store, read_stream_file("orders.yaml"))
stream.run(until_caught_up=True)
"""

from tandem.streams.definition import StreamDefinition
from tandem.streams.definition_file import read_stream_file
from tandem.streams.status import StreamStatus
from tandem.streams.stream import Stream

__all__ = ["Stream", "StreamDefinition", "StreamStatus", "read_stream_file"]
