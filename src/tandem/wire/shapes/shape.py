"""The base of every shape: attributes in snake case, members in Pascal case, None left out."""

import msgspec


class Shape(msgspec.Struct, rename="pascal", omit_defaults=True):
    """A member without a default is required; None means that the member is absent."""
