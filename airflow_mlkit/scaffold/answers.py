"""The answers of the interview, each checked in a sentence."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from airflow_mlkit.exceptions import AnswerError
from airflow_mlkit.scaffold.names import check_name
from airflow_mlkit.spec.cron import CRON_FIELDS, CRON_WORDS, find_cron_problem
from airflow_mlkit.spec.metrics import ProblemKind

MAX_TEXT = 200


class Pattern(StrEnum):
    """How a model is used."""

    BATCH = "batch"
    LIVE = "live"


class Approval(StrEnum):
    """Who has the last word before a challenger becomes the champion."""

    NONE = "none"
    PERSON = "person"


@dataclass(frozen=True)
class Answers:
    """What a person says about a new project.

    Attributes:
        name: of the project: folder, package, Dag id and registered model.
        predicts: what the model predicts, in a sentence.
        owner: who is asked when it breaks.
        data: a csv or parquet file, a folder or a glob of them; local or in a bucket.
        label: the column to predict; None takes the likeliest.
        schedule: how often it is trained: `daily`, `@weekly`, a cron expression, or `never`.
        columns: names for a csv without a header row.
        kind: of the problem, where the data leaves it open.
        salt: of the holdout's hash; the project's name when None.
    """

    name: str
    predicts: str
    owner: str
    data: str
    label: str
    pattern: Pattern = Pattern.BATCH
    gpu: bool = False
    schedule: str = "@weekly"
    approval: Approval = Approval.NONE
    columns: tuple[str, ...] = field(default=())
    kind: ProblemKind | None = None
    salt: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be used.

        Raises:
            AnswerError: with what to answer instead.
        """
        check_name(self.name)
        check_text("what it predicts", self.predicts)
        check_text("the owner", self.owner)
        check_schedule(self.schedule)

    @property
    def cron(self) -> str | None:
        """The schedule as Airflow reads it; None for a Dag that is only started by hand."""
        return check_schedule(self.schedule)


def check_text(what: str, text: str) -> str:
    """A line of text that people wrote.

    Raises:
        AnswerError: when it is empty, long, or more than a line.
    """
    if not text.strip():
        raise AnswerError(f"{what} is empty.", hint="Answer in a few words.")
    if len(text) > MAX_TEXT:
        raise AnswerError(f"{what} is {len(text)} characters long; {MAX_TEXT} are enough.", hint="Say it in one line.")
    if not text.isprintable():
        raise AnswerError(
            f"{what} holds a line break or a control character: {text!r}.", hint="Write one line of text."
        )
    return text


def check_schedule(text: str) -> str | None:
    """A schedule as Airflow reads it; None for `never`.

    Raises:
        AnswerError: when it is neither a known word nor a cron expression.
    """
    word = text.strip().lower()
    if word in ("never", "none", "@once"):
        return None
    if f"@{word.lstrip('@')}" in CRON_WORDS:
        return f"@{word.lstrip('@')}"
    problem = find_cron_problem(text)
    if problem is None:
        return " ".join(text.split())
    raise AnswerError(
        f"{text!r} is no schedule{f': {problem}' if len(text.split()) == len(CRON_FIELDS) else ''}.",
        hint="Write hourly, daily, weekly, monthly, never, or a cron expression such as '0 6 * * 1'.",
    )
