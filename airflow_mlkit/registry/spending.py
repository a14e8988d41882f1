"""What a project, its models and their versions have cost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, get_args

from airflow_mlkit.cost.counted_try import CountedTry, RunTries
from airflow_mlkit.cost.removed_runs import RemovedRuns, merge
from airflow_mlkit.cost.report import CostReport, Grouping, report_cost
from airflow_mlkit.cost.run_files import read_runs
from airflow_mlkit.cost.spent import Spent, add_up, count_try
from airflow_mlkit.data.moment import to_utc
from airflow_mlkit.project import Project
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.champion_log import ChampionLog
from airflow_mlkit.rundir import RunDirectory, open_place
from airflow_mlkit.spec.values import StepName

By = Literal["step", "version", "project", "month"]

_STEPS = get_args(StepName)

SCORING, NO_VERSION = "scoring", "no version"
"""The groups of tries that made no version: of predict; and of runs that were held back, or failed."""


def report_spending(
    project: Project,
    by: By,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    every_project: bool = False,
) -> CostReport:
    """What a project's runs have cost, those that were cleaned away too.

    Args:
        project: whose.
        by: what is a group.
        since: tries that began before it are left out.
        until: tries that began then or later are left out.
        every_project: with all projects whose runs lie beside this one's.

    Raises:
        RunDirectoryError: when the runs cannot be read.
        RegistryError: when versions are asked for and a champion log is damaged.
    """
    names = _find_projects(project) if every_project else [project.spec.name]
    runs = [run for name in names for run in _read_spending(project, name)]
    return report_cost(
        "all projects" if every_project else names[0], runs, _group(project, by, names), since=since, until=until
    )


def _group(project: Project, by: By, names: Sequence[str]) -> Grouping:
    match by:
        case "step":
            return Grouping(
                by, lambda _, one: one.step, lambda name: (_STEPS.index(name) if name in _STEPS else 99, name)
            )
        case "project":
            return Grouping(by, lambda run, _: run.project)
        case "month":
            return Grouping(by, lambda _, one: f"{to_utc(one.started):%Y-%m}")
        case "version":
            found = {name: _Versions(ChampionLog(_beside(project.champions, name)).entries()) for name in names}
            head = "{} ".format if len(names) > 1 else lambda _: ""
            return Grouping(by, lambda run, one: f"{head(run.project)}{found[run.project].find(run, one)}", _in_order)


def _in_order(name: str) -> tuple[str, int, int]:
    """Versions by their number, of one project after the other; what made no version behind them."""
    words, _, number = name.rpartition(" ")
    if number.isdecimal():
        return words.removesuffix("version"), 0, int(number)
    group = SCORING if name.endswith(SCORING) else NO_VERSION
    return name.removesuffix(group), 1, [SCORING, NO_VERSION].index(group)


def count_run(run: RunDirectory, project: str) -> Spent:
    """What a run has cost up to now, all tries of its steps."""
    found = read_runs(run.root.parent, project, run.root.name)
    return add_up(count_try(one) for counted in found for one in counted.tries)


def keep_cost(project: Project, run: RunDirectory) -> None:
    """Write down what a run has cost before it is removed.

    Raises:
        RunDirectoryError: when it cannot be written.
    """
    for counted in read_runs(run.root.parent, project.spec.name, run.root.name):
        RemovedRuns(project.champions).keep(counted)


class _Versions:
    """Which version a try helped to make: the first one that its run made afterwards."""

    def __init__(self, entries: Sequence[ChampionEntry]) -> None:
        made: dict[str, list[tuple[datetime, str]]] = {}
        for entry in entries:
            versions = made.setdefault(entry.run_id, [])
            if entry.model_version not in (version for _, version in versions):
                versions.append((to_utc(entry.promoted_at), entry.model_version))
        self._made = made

    def find(self, run: RunTries, one: CountedTry) -> str:
        """The group of a try."""
        if run.dag == "predict":
            return SCORING
        made = self._made.get(run.run_id, ())
        return next((f"version {version}" for when, version in made if one.started <= when), NO_VERSION)


def _read_spending(project: Project, name: str) -> list[RunTries]:
    living = read_runs(_beside(project.runs, name), name)
    return merge(living, RemovedRuns(_beside(project.champions, name)).read())


def _find_projects(project: Project) -> list[str]:
    """Every project with runs, or with a champion log, beside this one's."""
    found = {project.spec.name}
    for place in (project.runs, project.champions):
        beside = open_place(place).parent
        found |= {path.name for path in beside.iterdir() if path.is_dir()} if beside.exists() else set()
    return sorted(found)


def _beside(place: str, name: str) -> str:
    return f"{place.rpartition('/')[0]}/{name}"
