"""Patterns that texts of requests must match, as AWS's models have them, in Python's spelling."""

from msgspec import Meta

SINGLE_LINE = r"[\u0020-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF\t]*"
LINES = r"[\u0020-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF\r\n\t]*"
_START, _END = r"\A(?:", r")\Z"


def whole(pattern: str) -> Meta:
    """A text matches `pattern` from end to end, as AWS means it; msgspec would search in it."""
    return Meta(pattern=f"{_START}{pattern}{_END}")


def pattern_of(regex: str) -> str:
    """The pattern that `whole` made an expression of."""
    return regex.removeprefix(_START).removesuffix(_END)
