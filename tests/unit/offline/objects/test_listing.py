"""A listing is what sorting all keys would give, whatever prefix, delimiter and page size."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.offline.objects import ObjectStore
from tandem.offline.objects.listing import Question

SEGMENTS = st.sampled_from(["a", "b", "a-", "a.b", "a0", "é", "b c", "x=1"])
KEYS = st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join)
TEXTS = st.one_of(KEYS, KEYS.map(lambda key: f"{key}/"), st.sampled_from(["", "a", "a/", "/", "z"]))


def expected(keys: list[str], question: Question) -> list[str]:
    prefix, delimiter, after = question
    found: list[str] = []
    for key in sorted(keys):
        if not key.startswith(prefix) or key <= after:
            continue
        end = key.find(delimiter, len(prefix)) if delimiter else -1
        shown = key if end < 0 else key[: end + len(delimiter)]
        if shown not in found and shown != after:
            found.append(shown)
    return found


def listed(store: ObjectStore, question: Question, size: int) -> list[str]:
    """All pages, which must be full and say truthfully whether there are more."""
    found: list[str] = []
    after: str | None = question.after
    while after is not None:
        page = store.page("bucket", question._replace(after=after), size)
        names = sorted([one.key for one in page.objects] + list(page.prefixes))
        assert len(names) == size or page.after is None
        assert page.after is None or names[-1] == page.after
        found += names
        after = page.after
    return found


def plant(root: Path, keys: list[str]) -> list[str]:
    """Makes files as delivery would, behind the store's back; those that cannot be are left out."""
    planted = []
    for key in dict.fromkeys(keys):
        path = root / "bucket" / key
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(exist_ok=False)
        except OSError:
            continue
        planted.append(key)
    return planted


@settings(max_examples=150, deadline=None)
@given(
    keys=st.lists(KEYS, max_size=12),
    prefix=TEXTS,
    delimiter=st.sampled_from(["", "/", "a", "b/", "="]),
    after=TEXTS,
    size=st.integers(1, 4),
)
def test_pages_are_what_sorting_gives(
    keys: list[str], prefix: str, delimiter: str, after: str, size: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "s3"
        (root / "bucket" / "empty" / "folder").mkdir(parents=True)
        store = ObjectStore(root, Path(folder) / "s3.sqlite", lambda: ())
        planted = plant(root, keys)
        question = Question(prefix, delimiter, after)
        assert listed(store, question, size) == expected(planted, question)
        store.close()


def test_what_is_not_an_object_is_not_listed(tmp_path: Path) -> None:
    root = tmp_path / "s3"
    plant(root, ["a", "_a.parquet.0badcafe.partial"])
    (root / "bucket" / "link").symlink_to(tmp_path)
    (root / "bucket" / "file-link").symlink_to(root / "bucket" / "a")
    (root / "bucket" / b"not-utf-8-\xff".decode(errors="surrogateescape")).touch()
    store = ObjectStore(root, tmp_path / "s3.sqlite", lambda: ())
    assert listed(store, Question(), 10) == ["a"]
    assert listed(store, Question(prefix="link/"), 10) == []
    store.close()
