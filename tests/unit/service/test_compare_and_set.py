"""Changes by compare-and-set: repeated while others are faster, and not for ever."""

import pytest

from tandem.errors import ConflictError, ResourceNotFound
from tandem.service.compare_and_set import compare_and_set


class Counter:
    """A number that others change in between, as often as is said."""

    def __init__(self, opponents: int) -> None:
        self.value = 0
        self.opponents = opponents

    def read(self) -> int:
        return self.value

    def write(self, expected: int, new: int) -> None:
        if self.opponents:
            self.opponents -= 1
            self.value += 10
        if self.value != expected:
            raise ConflictError("another one is stored")
        self.value = new


@pytest.mark.parametrize("opponents", [0, 1, 19])
def test_the_rule_is_asked_again_for_what_is_there_by_then(opponents: int) -> None:
    counter = Counter(opponents)
    changed = compare_and_set("the counter", counter.read, lambda value: value + 1, counter.write)
    assert changed == counter.value == opponents * 10 + 1


def test_it_does_not_go_on_for_ever() -> None:
    counter = Counter(1_000)
    with pytest.raises(ConflictError, match="the counter is being changed by others"):
        compare_and_set("the counter", counter.read, lambda value: value + 1, counter.write)
    assert counter.value % 10 == 0


@pytest.mark.parametrize("error", [ConflictError("of the rule"), ResourceNotFound("it is gone")])
def test_what_the_rule_says_is_final(error: Exception) -> None:
    counter = Counter(0)
    asked: list[int] = []

    def rule(value: int) -> int:
        asked.append(value)
        raise error

    with pytest.raises(type(error), match=str(error)):
        compare_and_set("the counter", counter.read, rule, counter.write)
    assert asked == [0]
