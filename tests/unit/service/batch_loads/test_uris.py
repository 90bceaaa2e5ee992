"""Names of places, and patterns over them."""

import pytest

from tandem.errors import ValidationError
from tandem.service.batch_loads.uris import check_uri, matches, split_pattern


@pytest.mark.parametrize(
    ("path", "pattern", "fits"),
    [
        ("a.csv", "*.csv", True),
        ("x/a.csv", "*.csv", False),
        ("x/a.csv", "*/*.csv", True),
        ("a.csv", "**/*.csv", True),
        ("x/y/a.csv", "**/*.csv", True),
        ("x/y/a.csv", "x/**", True),
        ("x/y/a.csv", "x/**/a.csv", True),
        ("x/y/a.csv", "**/**/y/*", True),
        ("x/y/a.csv", "**/z/*", False),
        ("part-1.csv", "part-[0-3].csv", True),
        ("part-7.csv", "part-[0-3].csv", False),
        ("A.csv", "a.csv", False),
        ("x/a", "**", True),
        ("a" * 60, "*a" * 30 + "b", False),
    ],
)
def test_patterns(path: str, pattern: str, fits: bool) -> None:
    assert matches(path, pattern) is fits


def test_the_folder_above_a_pattern() -> None:
    assert split_pattern("s3://b/x/*/y.csv") == ("s3://b/x/", "*/y.csv")
    assert split_pattern("s3://b/x/part-?") == ("s3://b/x/", "part-?")
    assert split_pattern("s3://b/2024-*/") == ("s3://b/", "2024-*/**")
    assert split_pattern("/data/x") == ("/data/x", None)


@pytest.mark.parametrize(
    "uri", ["", "s3://", "data/x.csv", "http://host/x", "s3://b/../x", "s3://b//x", "/a\0b", "~"]
)
def test_what_names_nothing_is_refused(uri: str) -> None:
    with pytest.raises(ValidationError, match="location"):
        check_uri(uri, "location")
