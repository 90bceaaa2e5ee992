"""The one table of sources: what a definition names, and which package it needs.

A source's module is imported when it is used, since its client is an extra.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from tandem.errors import ValidationError
from tandem.streams.base import DeadLetters, Source
from tandem.streams.dead_letter_file import DeadLetterFile
from tandem.streams.definition import KafkaDefinition, StreamDefinition


def source_of(definition: StreamDefinition, tell_error: Callable[[str], None]) -> Source:
    """Raises ValidationError where its client is not installed or the definition is wrong."""
    given = definition.source.given
    if isinstance(given, KafkaDefinition):
        module = _module("tandem.streams.kafka", "confluent-kafka", "kafka")
        kafka: Source = module.KafkaSource(given, definition.stream, tell_error)
        return kafka
    module = _module("tandem.streams.kinesis", "boto3", "kinesis")
    kinesis: Source = module.KinesisSource(given)
    return kinesis


def dead_letters_of(definition: StreamDefinition) -> DeadLetters | None:
    letters = definition.dead_letters
    if letters is None:
        return None
    if letters.file is not None:
        return DeadLetterFile(Path(letters.file))
    module = _module("tandem.streams.kafka", "confluent-kafka", "kafka")
    topic: DeadLetters = module.DeadLetterTopic(definition.source.kafka, letters.topic)
    return topic


def _module(name: str, package: str, extra: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ValidationError(
            f"this source needs the package {package}:"
            f" pip install 'tandem-feature-store[{extra}]' ({error})"
        ) from error
