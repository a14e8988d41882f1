"""Text that fits into a drawing: SVG neither wraps nor cuts it off, and a page's font is that of whoever reads it."""

from __future__ import annotations

from unicodedata import east_asian_width

_NARROW, _BROAD = frozenset("ijl|.,:;'!()[]/-ftrI1 "), frozenset("mwMW@%…—")


def fit_end(text: str, width: float) -> str:
    """The end of a text that is too long, after dots: of a path the end is what tells it from others.

    Args:
        text: on one line.
        width: in em, the size of the font.
    """
    while len(text) > 1 and measure(text) > width:
        text = f"…{text[2:]}" if text.startswith("…") else f"…{text[1:]}"
    return text


def fit_begin(text: str, width: float) -> str:
    """The beginning of a text that is too long, with dots behind it."""
    while len(text) > 1 and measure(text) > width:
        text = f"{text[:-2]}…" if text.endswith("…") else f"{text[:-1]}…"
    return text


def measure(text: str) -> float:
    """How wide a text is in em, in one of the wider sans-serif fonts (DejaVu Sans, Verdana).

    >>> measure("iii") < measure("nnn") < measure("WWW")
    True
    """
    return sum(_measure_character(character) for character in text)


def _measure_character(character: str) -> float:
    if character in _BROAD or east_asian_width(character) in "WF":
        return 1.0
    if character in _NARROW:
        return 0.36
    return 0.7 if character.isupper() else 0.6
