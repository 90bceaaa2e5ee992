"""The JSON array in which a record is stored, logged and answered.

    [{"FeatureName":"customer_id","ValueAsString":"C1"},{"FeatureName":"sizes","ValueAsStringList":["1"]}]

It is made once, when a record is written: GetRecord copies these bytes into its answer.
"""

from collections.abc import Iterable

import msgspec

from tandem.model.record import FeatureValue


class StoredFeature(msgspec.Struct, omit_defaults=True, rename="pascal", gc=False):
    """A value as it is stored: a text, or for a collection texts."""

    feature_name: str
    value_as_string: str | None = None
    value_as_string_list: tuple[str, ...] | None = None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[StoredFeature])


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


def _value(feature: StoredFeature) -> str | tuple[str, ...]:
    if feature.value_as_string is not None:
        return feature.value_as_string
    return feature.value_as_string_list or ()
