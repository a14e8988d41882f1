"""The interview: what was given on the command line is taken, what was not is asked, or takes its default."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import pyarrow as pa
from rich.console import Console
from rich.prompt import Confirm, Prompt
from rich.text import Text

from airflow_mlkit.exceptions import AnswerError, DataError
from airflow_mlkit.scaffold.answers import Answers, Approval, Pattern, check_schedule, check_text
from airflow_mlkit.scaffold.data_file import NoHeaderError, read_data
from airflow_mlkit.scaffold.names import check_name, suggest_name
from airflow_mlkit.spec.metrics import ProblemKind
from airflow_mlkit.spec.nearest import did_you_mean

Answer = TypeVar("Answer")

_MARK = ">"
_OPTION = re.compile(r"--[a-z-]+ (?=[^-\s]\S*$)")
"""The name of an option before its example, in a hint; nobody types it in an interview."""

_LIKELY_LABELS = ("label", "target", "class", "y", "outcome", "response", "churn", "fraud", "is_fraud", "default")


@dataclass(frozen=True)
class Given:
    """What stood on the command line; None where nothing did."""

    name: str | None = None
    predicts: str | None = None
    owner: str | None = None
    pattern: str | None = None
    data: str | None = None
    label: str | None = None
    gpu: bool | None = None
    schedule: str | None = None
    approval: str | None = None
    columns: str | None = None
    kind: str | None = None
    salt: str | None = None


def hold_interview(given: Given, output: Path, *, asks: bool) -> tuple[Answers, pa.Table]:
    """Collect the answers.

    Args:
        given: what is known already.
        output: where the project will lie; a name that is taken there is refused at once.
        asks: whether to ask for the rest; else it takes its default.

    Returns:
        The answers, and the rows of the data file.

    Raises:
        AnswerError: when an answer cannot be used and nobody is there to be asked again.
        SourceError: when the data file cannot be read.
    """
    if asks and not sys.stdin.isatty():
        raise AnswerError("nobody is there to be asked.", hint="Give the answers as options, with --no-input.")
    interview = Interview(given, output, Console(stderr=True, highlight=False) if asks else None)
    return interview.hold()


class _Line(Prompt):
    prompt_suffix = " "


class _YesOrNo(Confirm):
    prompt_suffix = " "


class Interview:
    """One interview. Without a console nothing is asked."""

    def __init__(self, given: Given, output: Path, console: Console | None) -> None:
        self.given, self.output, self.console = given, output, console

    def hold(self) -> tuple[Answers, pa.Table]:
        """All answers in the order in which they help each other: the data first, since it answers half of the rest."""
        data, columns, table = self._data()
        label = self._label(table.column_names)
        guessed = suggest_name(Path(data.rstrip("/*")).stem)
        name = self._ask("name", "Name", "It becomes the folder, the Dag and the model.", guessed, self._free_name)
        predicts = self._ask(
            "predicts",
            "What does it predict?",
            "One line, for whoever meets the model.",
            f"Predicts {' '.join(label.split())}",
            _predicts,
        )
        owner = self._ask("owner", "Owner", "Who is asked when it breaks.", git_owner(), _owner)
        pattern = self._choose(
            "pattern", "Batch or live?", "batch scores rows on a schedule; live answers requests, later.", Pattern
        )
        gpu = self._confirm("gpu", "Train on a GPU?", "Seldom needed below some million rows.")
        schedule = self._ask(
            "schedule",
            "How often is it trained?",
            "hourly, daily, weekly, monthly, never, or a cron expression.",
            "weekly",
            _schedule,
        )
        approval = self._choose(
            "approval",
            "Whose yes does a new model need?",
            "none: the gates decide alone; person: somebody says yes.",
            Approval,
        )
        return Answers(
            name=name,
            predicts=predicts,
            owner=owner,
            data=data,
            label=label,
            pattern=pattern,
            gpu=gpu,
            schedule=schedule,
            approval=approval,
            columns=columns,
            kind=_kind(self.given.kind),
            salt=self.given.salt,
        ), table

    def _data(self) -> tuple[str, tuple[str, ...], pa.Table]:
        """The data file, read. A file without a header row asks for the names."""
        columns = parse_columns(self.given.columns) if self.given.columns is not None else ()
        path = self.given.data
        while True:
            path = path or self._require("data", "Data file", "csv or parquet; a folder or a bucket will do.")
            try:
                return path, columns, read_data(path, columns)
            except NoHeaderError as error:
                columns = self._ask_columns(error)
            except (AnswerError, DataError) as error:
                self._show_or_raise(error)
                path = None

    def _ask_columns(self, error: NoHeaderError) -> tuple[str, ...]:
        if self.console is None:
            raise error
        self.console.print(error.message, style="red", markup=False)
        while True:
            text = self._prompt("Names of its columns", f"All {error.width}, in order: a,b,c", None)
            try:
                columns = parse_columns(text)
                if len(columns) == error.width:
                    return columns
                self.console.print(f"These are {len(columns)} names; {error.width} are needed.", style="red")
            except AnswerError as problem:
                self.console.print(problem.message, style="red", markup=False)

    def _label(self, names: list[str]) -> str:
        return self._ask(
            "label",
            "Column to predict",
            f"One of {_list(names)}.",
            likely_label(names),
            lambda text: _known_column(text, names),
        )

    def _free_name(self, text: str) -> str:
        target = self.output / check_name(text)
        if target.exists():
            raise AnswerError(f"{target} is there already.", hint="Give another --name or --output-dir.")
        return text

    def _require(self, key: str, question: str, help_line: str) -> str:
        if self.console is None:
            raise AnswerError(f"--{key} is missing.", hint=f"{help_line} For example: --data churn.csv --label Churn")
        return self._prompt(question, help_line, None)

    def _ask(self, key: str, question: str, help_line: str, default: str, check: Callable[[str], Answer]) -> Answer:
        """What was given, else what is answered, else the default; checked, and asked again while it cannot be used."""
        text: str | None = getattr(self.given, key)
        while True:
            try:
                if text is None:
                    text = default if self.console is None else self._prompt(question, help_line, default)
                return check(text)
            except AnswerError as error:
                self._show_or_raise(error)
                text = None

    def _show_or_raise(self, error: AnswerError | DataError) -> None:
        """Show what is wrong with an answer, so that it can be asked again; raise it when nobody can be asked."""
        if self.console is None:
            raise error
        self.console.print(error.message, style="red", markup=False)
        if error.hint:
            self.console.print(_OPTION.sub("", error.hint), style="dim", markup=False)

    def _choose(self, key: str, question: str, help_line: str, choices: type[Any]) -> Any:
        words = [choice.value for choice in choices]
        return self._ask(
            key, f"{question} ({' / '.join(words)})", help_line, words[0], lambda text: _one(text, choices)
        )

    def _confirm(self, key: str, question: str, help_line: str) -> bool:
        given: bool | None = getattr(self.given, key)
        if given is not None or self.console is None:
            return bool(given)
        self._print_question(question, help_line)
        return _YesOrNo.ask(_MARK, default=False, console=self.console)

    def _prompt(self, question: str, help_line: str, default: str | None) -> str:
        self._print_question(question, help_line)
        if default is None:
            return _Line.ask(_MARK, console=self.console)
        return _Line.ask(_MARK, console=self.console, default=default)

    def _print_question(self, question: str, help_line: str) -> None:
        assert self.console is not None
        self.console.print()
        self.console.print(Text.assemble((question, "bold"), "  ", (help_line, "dim")))


def likely_label(names: list[str]) -> str:
    """The column that is named like a label, else the last one."""
    lowered = {name.lower(): name for name in names}
    return next((lowered[word] for word in _LIKELY_LABELS if word in lowered), names[-1])


def _list(names: list[str], width: int = 160) -> str:
    """As many whole names as fit, and how many more there are."""
    shown = [name for end, name in zip(accumulate(len(name) + 2 for name in names), names, strict=True) if end <= width]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def git_owner() -> str:
    """The address in git's config, else a placeholder that says what it is."""
    try:
        found = subprocess.run(["git", "config", "user.email"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return found.stdout.strip() or "unknown"


def parse_columns(text: str) -> tuple[str, ...]:
    """`a,b,c` as names; one in double quotes may hold a comma.

    Raises:
        AnswerError: when one is empty or stands twice.
    """
    names = tuple(name.strip() for name in next(csv.reader([text], skipinitialspace=True), []))
    if not names or not all(names):
        raise AnswerError(f"--columns {text!r} holds an empty name.", hint="Name each column: --columns a,b,c")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise AnswerError(f"--columns names {twice[0]!r} twice.", hint="Each column has a name of its own.")
    return names


def _known_column(text: str, names: Iterable[str]) -> str:
    names = list(names)
    if text not in names:
        raise AnswerError(f"there is no column {text!r} to predict{did_you_mean(text, names)}")
    return text


def _predicts(text: str) -> str:
    return check_text("what it predicts", text)


def _owner(text: str) -> str:
    return check_text("the owner", text)


def _schedule(text: str) -> str:
    check_schedule(text)
    return text


def _one(text: str, choices: type[Any]) -> Any:
    words = [choice.value for choice in choices]
    if text.strip().lower() not in words:
        raise AnswerError(f"{text!r} is no answer; write one of {', '.join(words)}.")
    return choices(text.strip().lower())


def _kind(text: str | None) -> ProblemKind | None:
    words: tuple[Literal["binary", "multiclass", "regression"], ...] = get_args(ProblemKind)
    if text is not None and text not in words:
        raise AnswerError(f"--kind {text!r} is not known{did_you_mean(text, words)}")
    return next((word for word in words if word == text), None)
