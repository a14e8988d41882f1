"""How much better a challenger is, in words: `0.0116 better`, `0.0037 worse to 0.0194 better`.

Differences are positive where the challenger is better, of an error or a loss too.
"""

from __future__ import annotations

import math

from airflow_mlkit.gates.comparison import Interval
from airflow_mlkit.gates.numbers import distinct, fixed, short

_MOST_DECIMALS = 6


def count_decimals(interval: Interval) -> int:
    """So many that the width of an interval has three digits; its ends and its estimate are written with them."""
    scale = interval.high - interval.low or abs(interval.low) or 1.0
    return min(max(2 - math.floor(math.log10(scale)), 0), _MOST_DECIMALS)


def tell_difference(difference: float, decimals: int) -> str:
    """One difference.

    >>> tell_difference(0.01157, 4), tell_difference(-250.0, 0), tell_difference(0.0, 4)
    ('0.0116 better', '250 worse', 'equal')
    """
    return f"{fixed(abs(difference), decimals)} {'better' if difference > 0 else 'worse'}" if difference else "equal"


def tell_interval(interval: Interval, decimals: int) -> str:
    """From where to where.

    >>> tell_interval(Interval(0.00373, 0.01942), 4), tell_interval(Interval(-0.00373, 0.01942), 4)
    ('0.0037 to 0.0194 better', '0.0037 worse to 0.0194 better')
    """
    low, high = (tell_difference(end, decimals) for end in interval)
    if low == high:
        return low
    if interval.high < 0:
        return f"{fixed(-interval.high, decimals)} to {low}"
    return f"{fixed(interval.low, decimals) if interval.low > 0 else low} to {high}"


def tell_between(interval: Interval, decimals: int) -> str:
    """The same after a colon: `between 0.0037 and 0.0194 better` where both ends lie on one side."""
    text = tell_interval(interval, decimals)
    is_one_sided = " to " in text and interval.low * interval.high > 0
    return f"between {text.replace(' to ', ' and ')}" if is_one_sided else text


def tell_bound(bound: float, margin: float) -> str:
    """What a decision hangs on, beside the margin.

    >>> tell_bound(0.0045, 0.01), tell_bound(-0.010004, 0.01)
    ('at least 0.0045 better; the margin allows 0.01 worse', 'at most 0.010004 worse; the margin allows 0.01 worse')
    """
    if bound > 0:
        found, allowed = f"at least {short(bound)} better", short(margin)
    elif bound in (0, -margin):
        found, allowed = f"at most {short(margin)} worse" if bound else "at least equal", short(margin)
    else:
        worst, allowed = distinct(-bound, margin)
        found = f"at most {worst} worse"
    return f"{found}; the margin {f'allows {allowed} worse' if margin else 'is 0'}"
