"""A feature group's definition as a JSON document, in which the registry keeps it.

The members are those of `FeatureGroup`. A reader passes over members that it does not know and
takes the default for those that are missing, so that a field may be added later.
"""

from dataclasses import fields

import msgspec

from tandem.errors import DataCorrupted, ValidationError
from tandem.model.feature_group import FeatureGroup

_NAMES = [field.name for field in fields(FeatureGroup)]
_decoder = msgspec.json.Decoder(FeatureGroup)


def encode_group(group: FeatureGroup) -> str:
    """The document of `group`. Raises ValidationError where it could not be read again: a program
    may have put a list where a text belongs.
    """
    # Field by field: what the group has cached about itself in the meantime stays out.
    members = {name: getattr(group, name) for name in _NAMES}
    try:
        document = msgspec.json.encode(members)
        _decoder.decode(document)
    except (msgspec.MsgspecError, TypeError, UnicodeEncodeError) as error:
        raise ValidationError(
            f"the definition of feature group {group.name!r} holds a value of the wrong type:"
            f" {error}"
        ) from error
    return document.decode()


def decode_group(document: str) -> FeatureGroup:
    """The group that `document` holds. Raises DataCorrupted where it holds none."""
    try:
        return _decoder.decode(document)
    except msgspec.MsgspecError as error:
        raise DataCorrupted(
            f"the registry holds a definition that cannot be read ({error}):"
            f" {document[:80]!r}; restore the registry from a backup"
        ) from error
