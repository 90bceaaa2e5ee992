"""The form of declarations: every member is documented."""

from pathlib import Path

import msgspec
import pytest

from tandem.sdk import declaration

PAGE = (Path(__file__).parents[3] / "docs/declarations.md").read_text()


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for name, kind in vars(declaration).items()
        if name.startswith("Declared") and isinstance(kind, type)
    ],
    ids=lambda kind: kind.__name__,
)
def test_every_member_is_documented(kind: type[msgspec.Struct]) -> None:
    assert kind.__struct_fields__
    for member in kind.__struct_fields__:
        assert f"`{member}`" in PAGE, member
