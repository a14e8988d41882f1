"""What becomes of a challenger."""

from __future__ import annotations

from enum import StrEnum


class Decision(StrEnum):
    """`undecided` keeps the champion too: the challenger looks better, and the holdout cannot tell for sure."""

    PROMOTE = "promote"
    HOLD_BACK = "hold_back"
    UNDECIDED = "undecided"
