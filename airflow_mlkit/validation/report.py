"""The outcome of validating a snapshot, and the one screen that says why a run was stopped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_mlkit.exceptions import ValidationFailed
from airflow_mlkit.validation.verdict import Standing, Verdict

SHOWN_VERDICTS = 8
"""Each takes two lines, so that the message stays on one screen."""


@dataclass(frozen=True)
class ValidationReport:
    """A suite's name, the rows that were looked at, and a verdict for each expectation."""

    suite: str
    rows: int
    verdicts: tuple[Verdict, ...]

    @property
    def passed(self) -> bool:
        """Whether the run may go on."""
        return not self.stopping

    @property
    def stopping(self) -> list[Verdict]:
        """The verdicts that stop the run; those that failed first."""
        return sorted((one for one in self.verdicts if one.stops_the_run), key=lambda one: one.standing)

    @property
    def notable(self) -> list[Verdict]:
        """What did not pass and yet does not stop the run: severity warning and info."""
        return [one for one in self.verdicts if one.standing is not Standing.PASSED and not one.stops_the_run]

    def count(self, standing: Standing) -> int:
        """How many expectations ended that way, whatever their severity."""
        return sum(one.standing is standing for one in self.verdicts)

    def summary(self) -> dict[str, Any]:
        """The few numbers for pages and terminals."""
        return {
            "suite": self.suite,
            "rows": self.rows,
            "expectations": len(self.verdicts),
            "passed": self.count(Standing.PASSED),
            "failed": self.count(Standing.FAILED),
            "not_evaluated": self.count(Standing.NOT_EVALUATED),
            "warnings": [f"{one.title}: {one.finding}" for one in self.notable[:SHOWN_VERDICTS]],
        }

    def error(self, *, data_docs: str, suite_file: str) -> ValidationFailed:
        """The error for a report that did not pass: which expectations, how many rows, examples, where to look."""
        shown = self.stopping[:SHOWN_VERDICTS]
        lines = [self._headline(), *(line for one in shown for line in _lines(one))]
        if len(self.stopping) > len(shown):
            lines.append(f"  and {len(self.stopping) - len(shown)} more, all on the page of Data Docs")
        return ValidationFailed("\n".join([*lines, f"Data Docs: {data_docs}"]), hint=self._hint(suite_file))

    def _headline(self) -> str:
        failed = sum(one.standing is Standing.FAILED for one in self.stopping)
        broken = len(self.stopping) - failed
        parts = [f"{failed} failed"] if failed else []
        parts += [f"{broken} could not be evaluated"] if broken else []
        return f"Validation: of {len(self.verdicts)} expectations on {self.rows:,} rows, {' and '.join(parts)}."

    def _hint(self, suite_file: str) -> str:
        if all(one.standing is Standing.NOT_EVALUATED for one in self.stopping):
            return f"Correct these expectations in {suite_file}, or bring back the columns they speak of."
        return f"Nothing was trained. Mend the data at its source, or, if it changed on purpose, change {suite_file}."


def _lines(verdict: Verdict) -> tuple[str, str]:
    return f"  {verdict.standing}: {verdict.title}", f"    {verdict.finding}"
