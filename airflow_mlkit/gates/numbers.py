"""Numbers in sentences."""

from __future__ import annotations


def short(value: float) -> str:
    """A number with four digits."""
    return f"{value:.4g}"


def distinct(one: float, other: float) -> tuple[str, str]:
    """Two different numbers with the fewest digits, from four on, that tell them apart.

    >>> distinct(0.912345, 0.912351)
    ('0.91234', '0.91235')
    """
    for digits in range(4, 17):
        texts = f"{one:.{digits}g}", f"{other:.{digits}g}"
        if texts[0] != texts[1]:
            return texts
    return repr(one), repr(other)


def count(number: int, noun: str) -> str:
    """A number with its noun: `1 row`, `1,409 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def are(number: int, noun: str) -> str:
    """How many there are: `is 1 row`, `are 1,409 rows`."""
    return f"{'is' if number == 1 else 'are'} {count(number, noun)}"


def sure(confidence: float) -> str:
    """A confidence as a person says it, such as `99 % sure`."""
    digits = 4 if confidence < 0.9999 else 7
    return f"{100 * confidence:.{digits}g} % sure"
