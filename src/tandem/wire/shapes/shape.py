"""The base of every shape: attributes in snake case, members in Pascal case, None left out."""

import msgspec


class Shape(msgspec.Struct, rename="pascal", omit_defaults=True, gc=False):
    """A member without a default is required; None means that the member is absent.

    Shapes hold no cycles, so the garbage collector need not look at them: a page of 100 groups is
    thousands of them, which would set off a collection of everything.
    """
