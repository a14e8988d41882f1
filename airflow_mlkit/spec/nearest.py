"""The nearest right word for one that was mistyped."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a sentence that names the nearest known word, or else all of them.

    >>> did_you_mean("lable", ["label", "features"])
    '; did you mean label?'
    """
    known = list(known)
    nearest = get_close_matches(word, known, n=1, cutoff=0.6)
    if nearest:
        return f"; did you mean {nearest[0]}?"
    return f"; known are {', '.join(known)}" if known else ""
