"""The JSON array in which a record is stored, logged and answered.

    [{"FeatureName":"customer_id","ValueAsString":"C1"},{"FeatureName":"sizes","ValueAsStringList":["1"]}]

It is made once, when a record is written: GetRecord copies these bytes into its answer.
"""

from collections.abc import Container, Iterable

import msgspec

from tandem.model.record import FeatureValue, record_size


class StoredFeature(msgspec.Struct, omit_defaults=True, rename="pascal", gc=False):
    """A value as it is stored: a text, or for a collection texts."""

    feature_name: str
    value_as_string: str | None = None
    value_as_string_list: tuple[str, ...] | None = None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[StoredFeature])

_BEFORE_NAME = b'{"FeatureName":"'
_AROUND_TEXT_BYTES = len('{"FeatureName":"","ValueAsString":""},')


def encode_features(values: Iterable[FeatureValue]) -> bytes:
    return _encoder.encode(
        [
            StoredFeature(name, value)
            if isinstance(value, str)
            else StoredFeature(name, None, value)
            for name, value in values
        ]
    )


def stored_features(features_json: bytes) -> list[StoredFeature]:
    """As `decode_features`, for whoever makes values of another kind of each."""
    return _decoder.decode(features_json)


def decode_features(features_json: bytes) -> tuple[FeatureValue, ...]:
    return tuple(
        FeatureValue(feature.feature_name, _value(feature))
        for feature in stored_features(features_json)
    )


def part_of(features_json: bytes, names: Container[str]) -> bytes:
    """The JSON of the record with these of its features alone."""
    features = stored_features(features_json)
    return _encoder.encode([one for one in features if one.feature_name in names])


def record_bytes(features_json: bytes) -> int:
    """The size of a record as its limit counts it: names and values, in bytes of UTF-8."""
    # Without an escape a quote is one of the JSON's own, and what is around each text the same.
    if b"\\" in features_json or b'"ValueAsStringList":' in features_json:
        return record_size(decode_features(features_json))
    count = features_json.count(_BEFORE_NAME)
    return len(features_json) - len("[]") + 1 - _AROUND_TEXT_BYTES * count if count else 0


def _value(feature: StoredFeature) -> str | tuple[str, ...]:
    if feature.value_as_string is not None:
        return feature.value_as_string
    return feature.value_as_string_list or ()
