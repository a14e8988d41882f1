"""Numbers in sentences, for people who do not read 5.9e-05."""

from __future__ import annotations

from decimal import Decimal

_DIGITS = 4
_VAST = 1e15


def short(value: float, digits: int = _DIGITS) -> str:
    """A number with four digits and no exponent: at most five decimals, and at least the whole number.

    >>> short(0.84912), short(12340.4), short(5.943e-05), short(4e-7)
    ('0.8491', '12,340', '0.00006', 'less than 0.000001')
    """
    return _write(value, digits)


def distinct(one: float, other: float) -> tuple[str, str]:
    """Two different numbers with the fewest digits, from four on, that tell them apart.

    >>> distinct(0.912341, 0.912349)
    ('0.91234', '0.91235')
    """
    for digits in range(_DIGITS, 18):
        texts = _write(one, digits), _write(other, digits)
        if texts[0] != texts[1]:
            return texts
    return repr(one), repr(other)


def exact(value: float) -> str:
    """A number as it is, such as a limit that a person wrote.

    >>> exact(1e-5), exact(0.95), exact(25000.0)
    ('0.00001', '0.95', '25,000')
    """
    fits = not value or 1 / _VAST < abs(value) < _VAST
    return _strip(f"{Decimal(repr(float(value))):,f}") if fits else f"{value:g}"


def fixed(value: float, decimals: int) -> str:
    """A number beside others of so many decimals; what is not 0 does not read as 0.

    >>> fixed(0.01157, 4), fixed(0.5, 4), fixed(0.00001, 4)
    ('0.0116', '0.5000', 'less than 0.0001')
    """
    text = f"{value:,.{decimals}f}"
    if value and not float(text.replace(",", "")):
        return f"less than {10**-decimals:,.{decimals}f}{' below 0' if value < 0 else ''}"
    return text


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


def _write(value: float, digits: int) -> str:
    if not value:
        return "0"
    if not abs(value) < _VAST:
        return f"{value:.{digits}g}"
    # of the value once it is rounded: 0.99996 has no digit before the point, and four digits of it are 1
    magnitude = int(f"{value:.{digits - 1}e}".partition("e")[2])
    decimals = max(min(digits - 1 - magnitude, max(digits + 1, min(-magnitude, digits + 2))), 0)
    return _strip(fixed(value, decimals))


def _strip(text: str) -> str:
    """Without the zeros that say nothing."""
    return text.rstrip("0").rstrip(".") if "." in text and not text.startswith("less") else text
