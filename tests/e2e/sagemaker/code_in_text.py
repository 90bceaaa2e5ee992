"""Python that stands in a text: in fenced blocks, or between its lines, its indentation lost."""

import ast
import re

_FENCED = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINES_MAX = 60


def blocks(text: str) -> list:
    return _FENCED.findall(text)


def statements(text: str, beginning: str) -> list:
    """The statements that begin so, each up to where its brackets and quotes are closed."""
    lines = [line.strip() for line in text.splitlines()]
    found = [
        _statement(lines[number : number + _LINES_MAX])
        for number, line in enumerate(lines)
        if line.startswith(beginning)
    ]
    assert found, f"no statement begins with {beginning!r}"
    return found


def _statement(lines: list) -> str:
    for count in range(1, len(lines) + 1):
        code = "\n".join(lines[:count])
        try:
            ast.parse(code)
        except SyntaxError:
            continue
        return code
    raise AssertionError(f"{lines[0]!r} begins no statement")
