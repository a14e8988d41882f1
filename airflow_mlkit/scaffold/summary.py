"""What `mlkit new` found, in the terminal: what it chose, why, and what to type next."""

from __future__ import annotations

import shlex

from rich.console import Console
from rich.table import Table

from airflow_mlkit.data.profile import DataProfile
from airflow_mlkit.project import load_project
from airflow_mlkit.scaffold import recommendation
from airflow_mlkit.scaffold.answers import Answers
from airflow_mlkit.scaffold.new_project import NewProject
from airflow_mlkit.scaffold.yaml_text import scalar

MAX_LEFT_OUT = 12


def print_summary(answers: Answers, made: NewProject, console: Console | None = None) -> None:
    """Say what was made and what to do now."""
    out = console or Console(highlight=False)
    profile = made.profile
    out.print(f"\n[bold green]{answers.name}[/] is ready in ", end="")
    out.print(str(made.folder), markup=False)
    out.print(_table(profile, made))
    for sentence in _notes(made):
        out.print(sentence, markup=False)
    out.print("\nNow type:")
    out.print(f"  cd {shlex.quote(str(made.folder))} && mlkit run\n", markup=False, style="bold", soft_wrap=True)


def _table(profile: DataProfile, made: NewProject) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    absolute, why = recommendation.absolute_gate(profile)
    metric = recommendation.MAIN_METRIC[profile.label.kind]
    rows = [
        ("data", f"{profile.rows:,} rows, {'copied to' if made.copied else 'stays in'} {made.data_path}"),
        ("problem", f"{profile.label.kind}: {profile.label.name} {profile.label.reason}"),
        *_positive(profile),
        ("features", f"{len(profile.features)}: {_shorten(', '.join(profile.features))}"),
        *_left_out(profile),
        ("holdout", profile.holdout.reason),
        ("gates", f"{absolute['metric']} at least {absolute['at_least']} ({why}); {metric} better than the champion"),
    ]
    for key, value in rows:
        table.add_row(key, _plain(value))
    return table


def _positive(profile: DataProfile) -> list[tuple[str, str]]:
    label = profile.label
    if label.positive is None:
        return []
    count = label.counts[label.positive]
    return [("positive", f"{scalar(label.positive)} ({count:,} of {sum(label.counts.values()):,} rows)")]


def _left_out(profile: DataProfile) -> list[tuple[str, str]]:
    found = [f"{name}: {reason}" for name, reason in profile.left_out.items()]
    if len(found) > MAX_LEFT_OUT:
        found = [*found[:MAX_LEFT_OUT], f"and {len(found) - MAX_LEFT_OUT} more; mlkit.yaml names them all"]
    return [("left out" if index == 0 else "", line) for index, line in enumerate(found)]


def _notes(made: NewProject) -> list[str]:
    notes = []
    if made.profile.label.missing:
        notes.append(
            f"{made.profile.label.missing:,} rows have no {made.profile.label.name}; they are not learnt from."
        )
    if made.copied:
        notes.append("data/ is not in git: the rows stay on this machine.")
    return [*notes, *(f"Not yet: {notice}." for notice in load_project(made.folder).plan.notices)]


def _shorten(text: str, width: int = 300) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."


def _plain(text: str) -> str:
    """Brackets of a column's name are no markup."""
    return text.replace("[", r"\[")
