"""How a run looks in a terminal: live while it goes on, a line a step where nobody watches, a summary at the end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import wrap
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from airflow_mlkit.gates.numbers import short
from airflow_mlkit.local.run_result import RunResult, RunState, StepState, StepStatus
from airflow_mlkit.local.runner import Watcher

_MARKS = {
    StepState.WAITING: Text("·", style="dim"),
    StepState.DONE: Text("✓", style="green"),
    StepState.KEPT: Text("↺", style="cyan"),
    StepState.HELD_BACK: Text("●", style="yellow"),
    StepState.FAILED: Text("✗", style="bold red"),
}
_COLOURS = {
    RunState.SHIPPED: "bold green",
    RunState.SCORED: "bold green",
    RunState.NOT_SHIPPED: "bold yellow",
    RunState.SKIPPED: "bold yellow",
    RunState.FAILED: "bold red",
}
MAX_REASON_LINES = 24


@contextmanager
def watch_run(console: Console) -> Iterator[tuple[Watcher, Live | None]]:
    """A watcher for the runner: a live table on a terminal, which is returned too, else a line for each ended step."""
    if not console.is_terminal:
        yield _Lines(console), None
        return
    spinners: dict[str, Spinner] = {}
    with Live(console=console, refresh_per_second=8, transient=False) as live:
        yield lambda statuses: live.update(_table(statuses, spinners)), live


class _Lines:
    """Says each end of a step once."""

    def __init__(self, console: Console) -> None:
        self._console, self._said = console, set[str]()

    def __call__(self, statuses: list[StepStatus]) -> None:
        for status in statuses:
            ended = status.state not in (StepState.WAITING, StepState.RUNNING)
            if ended and status.name not in self._said:
                self._said.add(status.name)
                numbers = f"{_seconds(status):>8} {_memory(status):>9}"
                self._console.print(
                    f"{status.name:<9} {_state(status):<9} {numbers}  {_note(status)}".rstrip(), markup=False
                )


def _table(statuses: list[StepStatus], spinners: dict[str, Spinner]) -> Table:
    table = Table(box=None, padding=(0, 1), show_header=False)
    for style, justify in (("", "left"), ("bold", "left"), ("", "right"), ("dim", "right"), ("dim", "left")):
        table.add_column(style=style, justify=justify)  # type: ignore[arg-type]
    for status in statuses:
        mark = _MARKS.get(status.state) or spinners.setdefault(status.name, Spinner("dots", style="cyan"))
        table.add_row(mark, status.name, _seconds(status), _memory(status), escape(_note(status)))
    return table


def _state(status: StepStatus) -> str:
    """A step's state in the word of its run's end: a prediction is skipped, a model is held back."""
    return "skipped" if status.name == "predict" and status.state is StepState.HELD_BACK else str(status.state)


def _seconds(status: StepStatus) -> str:
    return "" if status.seconds is None else f"{status.seconds:.1f} s"


def _memory(status: StepStatus) -> str:
    return "" if status.memory_mib is None else f"{status.memory_mib:.0f} MiB"


def _note(status: StepStatus) -> str:
    """The one thing about a step that is worth a glance."""
    if status.state in (StepState.FAILED, StepState.HELD_BACK):
        return (status.reason or "").partition("\n")[0][:100]
    return describe_summary(status.name, status.summary)


def describe_summary(step: str, summary: dict[str, Any]) -> str:
    """A step's numbers in a line; empty for a step that has none."""
    notes = {
        "extract": lambda: (
            f"{summary['rows']:,} rows" + (f", as of {summary['as_of'][:10]}" if summary.get("as_of") else "")
        ),
        "validate": lambda: f"{summary['passed']} of {summary['expectations']} expectations met",
        "split": lambda: f"{summary['rows']['training']:,} to train on, {summary['rows']['holdout']:,} held out",
        "train": lambda: f"{summary['estimator']}, model {summary['model_id'][:12]}",
        "evaluate": lambda: _metrics(summary.get("metrics", {})),
        "gate": lambda: str(summary.get("decision", "")).replace("_", " "),
        "promote": lambda: _promotion(summary["model_version"]),
        "predict": lambda: f"{summary['rows']:,} rows scored with version {summary['model_version']}",
    }
    try:
        return notes[step]()
    except (KeyError, TypeError):  # an older run's summary may lack the number; the table then shows none
        return ""


def _promotion(version: str | None) -> str:
    return f"version {version} is the champion" if version else "held back"


def _metrics(metrics: dict[str, float | None], most: int = 3) -> str:
    shown = [f"{name} {short(value)}" for name, value in metrics.items() if value is not None]
    return ", ".join(shown[:most])


def print_summary(console: Console, result: RunResult) -> None:
    """What was shipped or why not, and where to look."""
    title = Text(f"{result.state}".replace("_", " "), style=_COLOURS[result.state])
    title.append(f"  {result.model_name}", style="bold")
    if result.model_version:
        title.append(f" version {result.model_version}", style="bold")
    console.print()
    console.print(title)
    for line in _first_lines(result.reason) if result.reason else []:
        indent = 2 + len(line) - len(line.lstrip())
        _print_at(console, indent, " " * indent, line.lstrip())
    for name, value in _pointers(result):
        _print_at(console, 11, f"  {name:<9}", value)


def _print_at(console: Console, indent: int, head: str, text: str) -> None:
    """Text with a hanging indent where a person reads it; a path that is too long for a line stays in one piece."""
    fits = all(len(word) <= console.width - indent for word in text.split())
    if not (console.is_terminal and fits):
        console.print(Text.assemble((head, "dim"), text))
        return
    grid = Table.grid()
    grid.add_column(width=indent, no_wrap=True)
    grid.add_column()
    # a number stays with its name, and a percent sign with its number
    glued = re.sub(r"(?<=\w) (?=-?\d)|(?<=\d) (?=%)", "\0", text)
    lines = wrap(glued, console.width - indent, break_long_words=False, break_on_hyphens=False)
    grid.add_row(Text(head, style="dim"), Text("\n".join(lines).replace("\0", " ")))
    console.print(grid)


def _first_lines(reason: str) -> list[str]:
    lines = reason.splitlines()
    more = len(lines) - MAX_REASON_LINES
    return [*lines[:MAX_REASON_LINES], f"... and {more} more lines in the log"] if more > 0 else lines


def _pointers(result: RunResult) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if result.metrics and result.state is not RunState.FAILED:
        found.append(("holdout", _metrics(result.metrics, 6)))
    if result.output:
        found.append(("scores", _from_here(result.output)))
    if result.report:
        found.append(("report", _from_here(result.report)))
    if result.gate_report:
        found.append(("gate", _from_here(result.gate_report)))
    found.append(("run", _from_here(result.run_dir)))
    for step in result.steps:
        if step.state is StepState.FAILED:
            found += [("log", _from_here(log)) for log in _newest_log(result.run_dir, step.name)]
    if result.state is RunState.FAILED:
        found.append(("again", "mlkit predict" if result.steps[0].name == "predict" else "mlkit run --resume"))
    return found


def _newest_log(run_dir: str, step: str) -> list[str]:
    """The log of a step's last try; none for a process that was killed before it wrote one."""
    logs = list((Path(run_dir) / "steps" / step).glob("*/tries/*/log.txt"))
    return [str(max(logs, key=lambda log: log.stat().st_mtime))] if logs else []


def _from_here(path: str) -> str:
    """A path below the current folder as a person would type it; every other place as it is."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) and Path(path) != here else path
