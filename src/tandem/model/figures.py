"""Figures and prices as people give them, within bounds."""

from tandem.errors import ValidationError

_FIGURE_MAX = 1e30
"""Products of as many figures as a cost has are finite."""


def check_number(value: float, name: str) -> None:
    """Raises ValidationError where a value is no number from 0 to 1e30."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (is_number and 0 <= value <= _FIGURE_MAX):
        raise ValidationError(
            f"{name} {shown(value)} is not valid: give a number from 0 to {_FIGURE_MAX:g}"
        )


def check_whole(value: int, name: str) -> None:
    """Raises ValidationError where a value is no whole number from 1 to 1e30."""
    if type(value) is not int or not 1 <= value <= _FIGURE_MAX:
        raise ValidationError(
            f"{name} {shown(value)} is not valid: give a whole number from 1 to {_FIGURE_MAX:g}"
        )


def shown(value: object) -> str:
    """A value as an error message quotes it."""
    # Python writes no whole number of more than 4,300 digits.
    is_long = isinstance(value, int) and abs(value) > _FIGURE_MAX
    return "of more than 30 digits" if is_long else f"{value!r:.80}"
