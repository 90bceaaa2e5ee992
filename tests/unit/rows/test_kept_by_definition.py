"""What is kept of a definition: made once, never that of another, and bounded."""

from concurrent.futures import ThreadPoolExecutor

from tandem.rows.kept_by_definition import _KEPT_MAX, KeptByDefinition


def test_it_is_made_once_for_a_definition_and_a_key() -> None:
    kept: KeptByDefinition[int | None] = KeptByDefinition()
    made: list[int] = []
    first, other = tuple("f"), tuple("f")
    assert first == other
    assert first is not other

    def make() -> None:
        made.append(1)

    for _ in range(3):
        assert kept.get(first, "a", make) is None
    assert len(made) == 1
    kept.get(first, "b", make)
    kept.get(other, "a", make)
    assert len(made) == 3


def test_a_definition_that_is_gone_leaves_nothing_to_another() -> None:
    kept: KeptByDefinition[tuple[int, ...]] = KeptByDefinition()
    for number in range(1_000):
        definition = (number,)  # at the place of the one before, were that not kept
        assert kept.get(definition, "a", lambda found=definition: found) == (number,)


def test_it_is_bounded_and_threads_may_share_it() -> None:
    kept: KeptByDefinition[int] = KeptByDefinition()
    definitions = [(number,) for number in range(3 * _KEPT_MAX)]

    def ask(round_: int) -> bool:
        return all(
            kept.get(one, round_ % 2, lambda found=one: found[0]) == one[0] for one in definitions
        )

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, range(20)))
    assert len(kept._kept) <= _KEPT_MAX + 4
