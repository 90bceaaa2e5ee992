"""What pytest.raises is elsewhere: the SDK's environments have no pytest."""

from contextlib import contextmanager


@contextmanager
def refused(kind, *texts):
    """Yields a list that holds the error afterwards; its text must hold all `texts`."""
    found = []
    try:
        yield found
    except kind as error:
        found.append(error)
    assert found, f"no {kind.__name__}"
    for text in texts:
        assert text in str(found[0]), f"{text!r} is not in {found[0]}"
