"""JSON and query members become request shapes, and what does not fit becomes AWS's errors.

* A body that does not parse, or a member of another JSON type, is a SerializationError.
* A member that is missing, null where it may not be, outside its enum or beyond its limits is a
  ValidationError that names the member and quotes the value.
* null in an optional member counts as absent; unknown members are ignored, as AWS does.
"""

import ast
import re
from collections.abc import Callable
from typing import Any, Generic

import msgspec

from tandem.errors import TandemError, ValidationError
from tandem.wire.error_table import SerializationError
from tandem.wire.operation import RequestShape
from tandem.wire.shapes.patterns import pattern_of

_AT = re.compile(
    r"(?P<reason>.*?)(?: - at (?P<of_keys>`key` in )?`\$\.?(?P<path>[^`]*)`)?", re.DOTALL
)
_MISSING = re.compile(r"Object missing required field `(\w+)`")
_BOUND = re.compile(r"Expected `(\w+)` (of length )?(>=|<=) (\S+)")
_PATTERN = re.compile(r"Expected `str` matching regex (.*)", re.DOTALL)
_STEP = re.compile(r"(\w+)|\[(\d+)\]")
_HALF_CHARACTER = re.compile(rb"(?<!\\)(?:\\\\)*+(\\u[dD][89abAB][0-9a-fA-F]{2})(?!\\u|\\?\Z)")
_OF_HALF_CHARACTERS = ("truncated", "hex escape", "surrogate")
_VALUE_LENGTH_MAX = 64
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Decoder(Generic[RequestShape]):
    """Decodes one request shape. Made once: the shape is compiled then."""

    def __init__(self, shape: type[RequestShape]) -> None:
        self._shape = shape
        self._decode = msgspec.json.Decoder(shape).decode

    def from_json(self, body: bytes | msgspec.Raw, at: str = "") -> RequestShape:
        """The shape that a JSON object makes; an empty body is an empty object.

        `at` is where the object stands in the whole request, for error messages.
        """
        try:
            return self._decode(body or b"{}")
        except msgspec.ValidationError as error:
            raise refusal(error, self._shape, lambda: _untyped(body), at) from None
        except _UNREADABLE as error:
            raise _not_json(error, body) from None

    def from_members(self, members: dict[str, Any], *, strict: bool = True) -> RequestShape:
        """The shape that members from a path, a query string or a form make.

        Without `strict`, a text stands for a number where the shape has one.
        """
        try:
            return msgspec.convert(members, self._shape, strict=strict)
        except msgspec.ValidationError as error:
            raise refusal(error, self._shape, lambda: members) from None


def refusal(
    error: msgspec.ValidationError,
    shape: type[msgspec.Struct],
    untyped: Callable[[], Any],
    at: str = "",
) -> TandemError:
    """The error that a caller sees for one that msgspec found.

    `untyped` gives the request without its types, so that the message can quote the value.
    """
    found = _AT.fullmatch(str(error))
    assert found is not None  # the pattern matches any text
    reason, path = found["reason"], found["path"] or ""
    if missing := _MISSING.match(reason):
        return _must_not_be_null(_join(at, _join(path, missing[1])))
    place = _join(at, path)
    if path and reason.endswith("got `null`"):
        return _must_not_be_null(place)
    if reason.startswith("Invalid enum value"):
        names = ", ".join(_enum_at(shape, path))
        return _violation(
            _value_at(untyped, path), place, f"Member must satisfy enum value set: [{names}]"
        )
    if bound := _BOUND.match(reason):
        _, of_length, sign, limit = bound.groups()
        comparison = "greater" if sign == ">=" else "less"
        noun = "length" if of_length else "value"
        constraint = f"Member must have {noun} {comparison} than or equal to {limit}"
        if found["of_keys"]:
            constraint = f"Map keys must satisfy constraint: [{constraint}]"
        return _violation(_value_at(untyped, path), place, constraint)
    if pattern := _PATTERN.match(reason):
        constraint = (
            "Member must satisfy regular expression pattern:"
            f" {pattern_of(ast.literal_eval(pattern[1]))}"
        )
        if found["of_keys"]:
            constraint = f"Map keys must satisfy constraint: [{constraint}]"
        return _violation(_value_at(untyped, path), place, constraint)
    where = f" at '{place}'" if place else ""
    return SerializationError(f"the request cannot be read{where}: {reason}")


def _untyped(body: bytes | msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(body)
    except _UNREADABLE as error:
        # It is broken behind the member that was refused first.
        raise _not_json(error, body) from None


def why_not_json(error: Exception, body: bytes | msgspec.Raw) -> str:
    """What is wrong with a body that is not JSON. Of half a character msgspec says that the body is
    truncated, or an escape; where it stands it does not say.
    """
    reason = str(error)
    if any(word in reason for word in _OF_HALF_CHARACTERS) and (
        half := _HALF_CHARACTER.search(body)
    ):
        return f"{half[1].decode()} is half a character: give it whole"
    return reason


def _not_json(error: Exception, body: bytes | msgspec.Raw) -> SerializationError:
    return SerializationError(f"the body is not JSON that can be read: {why_not_json(error, body)}")


def _must_not_be_null(place: str) -> ValidationError:
    return ValidationError(
        f"1 validation error detected: Value null at '{place}' failed to satisfy constraint:"
        " Member must not be null"
    )


def _violation(value: str, place: str, constraint: str) -> ValidationError:
    return ValidationError(
        f"1 validation error detected: Value {value} at '{place}' failed to satisfy constraint:"
        f" {constraint}"
    )


def _join(head: str, tail: str) -> str:
    return f"{head}.{tail}" if head and tail else head or tail


def _value_at(untyped: Callable[[], Any], path: str) -> str:
    value = untyped()
    try:
        for name, index in _STEP.findall(path):
            value = value[name] if name else value[int(index)]
    except (LookupError, TypeError):
        raise SerializationError(f"a member on the way to '{path}' is given twice") from None
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    if len(text) > _VALUE_LENGTH_MAX:
        text = f"{text[:_VALUE_LENGTH_MAX]}..."
    return f"'{text}'"


def _enum_at(shape: type[msgspec.Struct], path: str) -> list[str]:
    """The values of the enum that a member of a shape holds."""
    kind: msgspec.inspect.Type = msgspec.inspect.type_info(shape)
    for name, _ in _STEP.findall(path):
        kind = _not_null(kind)
        if name:
            assert isinstance(kind, msgspec.inspect.StructType)
            kind = next(field.type for field in kind.fields if field.encode_name == name)
        else:
            assert isinstance(kind, msgspec.inspect.ListType)
            kind = kind.item_type
    kind = _not_null(kind)
    if isinstance(kind, msgspec.inspect.DictType):
        kind = _not_null(kind.value_type)  # the path does not say which of a mapping's values
    assert isinstance(kind, msgspec.inspect.EnumType)
    return [str(member.value) for member in kind.cls]


def _not_null(kind: msgspec.inspect.Type) -> msgspec.inspect.Type:
    if not isinstance(kind, msgspec.inspect.UnionType):
        return kind
    return next(one for one in kind.types if not isinstance(one, msgspec.inspect.NoneType))
