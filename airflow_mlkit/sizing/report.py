"""What is advised for one or many projects, and how far it can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from airflow_mlkit.cost.size_record import record_size
from airflow_mlkit.rundir.records import Record, SizeRecord
from airflow_mlkit.sizing.advice import StepAdvice
from airflow_mlkit.sizing.past_runs import PastRuns
from airflow_mlkit.spec.platform import PlatformSpec


class ReadRuns(Record):
    """How many of a project's runs were read, the newest ones, and what of them is damaged."""

    project: str
    read: int
    there: int
    damaged: tuple[str, ...]


class Advice(Record):
    """What is advised.

    Attributes:
        place: where the runs lie.
        margin: what is kept free above the highest peak, as a part of it.
    """

    place: str
    currency: str | None
    margin: float
    projects: tuple[ReadRuns, ...]
    steps: tuple[StepAdvice, ...]

    @classmethod
    def of(
        cls, place: str, read: Sequence[PastRuns], steps: Sequence[StepAdvice], *, currency: str | None, margin: float
    ) -> Self:
        """What is advised, with what it was told from."""
        projects = [
            ReadRuns(project=each.project, read=each.read, there=each.there, damaged=each.damaged) for each in read
        ]
        return cls(place=place, currency=currency, margin=margin, projects=tuple(projects), steps=tuple(steps))

    @property
    def saves_a_month(self) -> float | None:
        """What all that is advised would save together, and cost together; None where nobody can tell."""
        known = [saved for each in self.steps if (saved := each.saves_a_month) is not None]
        return sum(known) if known else None


def record_sizes(platform: PlatformSpec, backend: str) -> dict[str, SizeRecord]:
    """The sizes of a platform by their names, with what they cost now."""
    return {name: record_size(platform, name, size, backend) for name, size in platform.sizes.items()}
