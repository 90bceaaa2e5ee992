"""YAML files as documents with their places, and refused where they cannot be meant.

Whatever is wrong with a file raises ValidationError, which names the file and the line. That
includes what YAML itself would let pass: a member that comes twice, and names of values (`*a`) that
make gigabytes of a few lines.
"""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tandem.errors import ValidationError

_VALUES_MAX = 1_000_000
"""In one document, with what names stand for; the largest feature group has some 150,000."""


class Document(NamedTuple):
    """What a document holds, and the node that it was made of, which knows the lines."""

    content: Any
    node: yaml.Node


def documents(file: Path) -> Iterator[Document]:
    """The documents of a file that are not empty."""
    try:
        loader = _Loader(file.read_text(encoding="utf-8"))
        while loader.check_node():
            node = loader.get_node()
            if node is not None and _values(node, {}) > _VALUES_MAX:
                raise yaml.MarkedYAMLError(
                    problem=f"with what its names stand for, the document has more than"
                    f" {_VALUES_MAX:,} values: use fewer names",
                    problem_mark=node.start_mark,
                )
            content = loader.construct_document(node)
            if node is not None and content is not None:
                yield Document(content, node)
    except OSError as error:
        raise ValidationError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValidationError(f"{file} is not text in UTF-8 ({error.reason})") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise ValidationError(f"{file}{line}: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise ValidationError(f"{file} is not YAML: {' '.join(str(error).split())}") from error
    except (ValueError, TypeError, AttributeError) as error:
        # What the makers of numbers and times raise for a value that is none.
        raise ValidationError(f"{file} holds a value that cannot be read: {error}") from error
    except RecursionError as error:
        raise ValidationError(f"{file} is nested too deeply to be read") from error


def _values(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values a node makes, where each name counts as what it stands for."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in known:
        known[id(node)] = 0  # where it holds itself
        is_mapping = isinstance(node, yaml.MappingNode)
        inner = chain.from_iterable(node.value) if is_mapping else node.value
        known[id(node)] = 1 + sum(_values(one, known) for one in inner)
    return known[id(node)]


class _Loader(yaml.SafeLoader):
    """YAML with two habits changed: a member that comes twice is an error, and only true and false
    are Booleans, so that a feature may be called `on`, and a tag may have the value NO or a date.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(
                    problem="the name of a member must be a text", problem_mark=key.start_mark
                )
            if key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the member {key.value!r} comes twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_BOOLEAN = "tag:yaml.org,2002:bool"
_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_Loader.yaml_implicit_resolvers = {
    first: [one for one in resolvers if one[0] not in (_BOOLEAN, _TIMESTAMP)]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOLEAN, re.compile("true|false"), ["t", "f"])
