"""A person's yes in a plan: who is asked, and for how long."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from airflow_mlkit.exceptions import SpecError
from airflow_mlkit.plan.pipeline_plan import PlannedApproval
from airflow_mlkit.spec.pipeline import PersonalPromotion, PipelineSpec
from airflow_mlkit.spec.values import format_duration

_WORDS = {"@quarterly": "0 0 1 */3 *"}
_TICKS = 500


def plan_approval(spec: PipelineSpec) -> PlannedApproval | None:
    """Who is asked whether a challenger may become the champion; None where nobody is.

    Raises:
        SpecError: when the answer is waited for beyond the next scheduled retrain. With one run at a time that one
            would not begin, and a question that nobody answers would stop all that follow.
    """
    promote, schedule = spec.promote, spec.train.schedule
    if not isinstance(promote, PersonalPromotion):
        return None
    if schedule and schedule.cron and promote.within >= (gap := find_shortest_gap(schedule.cron)):
        problem = (
            f"mlkit.yaml promote.within: {format_duration(promote.within)} is not shorter than the time between two "
            f"retrains, {format_duration(gap)} (train.schedule.cron: {schedule.cron})"
        )
        raise SpecError([problem], hint="A question that nobody answers must end before the next retrain begins.")
    return PlannedApproval(ask=promote.ask, within=promote.within)


def find_shortest_gap(cron: str) -> timedelta:
    """The shortest time between two ticks of a cron expression, in UTC, looked for among its next 500.

    >>> find_shortest_gap("0 6 * * 1,3")
    datetime.timedelta(days=2)
    """
    from croniter import croniter

    # a year that is no leap year, so that no tick is missing from it
    ticks = croniter(_WORDS.get(cron, cron), datetime(2025, 1, 1, tzinfo=UTC), ret_type=datetime)
    moments: list[datetime] = [ticks.get_next() for _ in range(_TICKS)]
    return min(later - earlier for earlier, later in itertools.pairwise(moments))
