"""The nearest right word for one that was mistyped."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a sentence that names the nearest known word, or else all of them.

    >>> did_you_mean("lable", ["label", "features"])
    '; did you mean label?'
    """
    spelled = {name.lower(): name for name in known}
    nearest = get_close_matches(word.lower(), spelled, n=1, cutoff=0.6)
    if nearest:
        return f"; did you mean {spelled[nearest[0]]}?"
    return f"; known are {', '.join(spelled.values())}" if spelled else ""
