"""A thousand promotions of one model that meet: `python -m benchmarks.meeting [--promotions 1000] [--writers 5]`.

For each place of the champion log (a folder, S3, Google Cloud Storage) and each of MLflow (SQLite, PostgreSQL),
processes of their own promote challengers of one model until the log has so many more entries. With `--pace together` a
round begins when every writer has read the same head, so that all but one lose the race and compare again; with `free`
nobody waits for anybody. One challenger of each round is worse than every champion and must be held back.

Afterwards everything is counted: the chain, the numbers, the aliases, each promoted challenger once in the log, what
every writer was told. Then every command is killed with SIGKILL before each of its writes in turn, on the same servers
with a model of its own each time, and must be healed by the same command again (`--no-kills` leaves that out).

Real servers on the loopback: moto as S3, fake-gcs-server, PostgreSQL. They are ended with the benchmark.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from airflow_mlkit.gates.decision import Decision
from airflow_mlkit.gates.report import GateReport
from airflow_mlkit.project import Project, load_project
from airflow_mlkit.registry import ChampionEntry
from airflow_mlkit.registry.audit import audit
from airflow_mlkit.registry.challenger import Challenger
from airflow_mlkit.registry.model_registry import ModelRegistry
from airflow_mlkit.registry.promotion import Promotion, promote
from tests import dying
from tests.buckets import SERVED
from tests.challengers import build_challenger, make_champions, report_against
from tests.databases import serve_postgresql
from tests.promoting import begin_model, freeze, retrain, roll_back

LOGS, DATABASES = ("local", "s3", "gs"), ("sqlite", "postgresql")

PATIENCE = 180.0
"""Seconds for which writers wait for each other before one of them is taken for dead."""


@dataclass(frozen=True)
class Told:
    """What one writer was told about one challenger."""

    run_id: str
    is_weak: bool
    promoted_as: int | None
    compared_with: int | None
    compared_again: int


@dataclass(frozen=True)
class Meeting:
    """How many writers meet how often; with a barrier they wait for each other."""

    folder: Path
    rounds: int
    writers: int
    barrier: Barrier | None


def main() -> None:
    """Measure and print a table, and a second one about those that were killed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--promotions", type=int, default=1000)
    parser.add_argument("--writers", type=int, default=5)
    parser.add_argument("--pace", choices=["together", "free"], default="together")
    parser.add_argument("--logs", nargs="+", choices=LOGS, default=LOGS)
    parser.add_argument("--databases", nargs="+", choices=DATABASES, default=DATABASES)
    parser.add_argument("--no-kills", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are ended too
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line for each request to moto
    rounds = -(-options.promotions // (options.writers - 1))
    print(f"| log | MLflow | promoted | held back | compared again | seconds | a second | {options.pace}, in the end |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |", flush=True)
    killed = []
    for log in options.logs:
        for database in options.databases:
            with serve(log, database) as places:
                print(f"| {log} | {database} | {meet(places, rounds, options.writers, options.pace)} |", flush=True)
                if not options.no_kills:
                    killed.append(f"| {log} | {database} | {' | '.join(kill_everywhere(places))} |")
    if killed:
        print("\n| log | MLflow | " + " | ".join(KILLED) + " |\n| --- | --- |" + " ---: |" * len(KILLED))
        print("\n".join(killed))


@dataclass(frozen=True)
class Places:
    """Where the log and MLflow lie, and a folder for everything else."""

    folder: Path
    champions: str
    mlflow: str

    def begin(self, name: str) -> Project:
        """A model of its own."""
        return begin_model(self.folder, name, champions=self.champions, mlflow=self.mlflow)


@contextmanager
def serve(log: str, database: str) -> Iterator[Places]:
    """New servers, or a folder."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlkit-meeting-")))
        champions = f"{folder}/champions"
        if log != "local":
            bucket = f"meeting-{database}"
            stack.enter_context(SERVED[log](bucket))
            champions = f"{log}://{bucket}/champions"
            # MLflow's own client of S3 has another name for the address
            os.environ["MLFLOW_S3_ENDPOINT_URL"] = os.environ.get("AWS_ENDPOINT_URL", "")
        mlflow = f"sqlite:///{folder}/mlflow.db"
        if database == "postgresql":
            mlflow = stack.enter_context(serve_postgresql()).mlflow_uri
        yield Places(folder, champions, mlflow)


def meet(places: Places, rounds: int, writers: int, pace: str) -> str:
    """Let writers meet, and say in the cells of a table what came of it."""
    project = places.begin("churn")
    make_champions(ModelRegistry.of(project), project.folder, 0)
    barrier = dying.FORKS.Barrier(writers) if pace == "together" else None
    meeting, results = Meeting(project.folder, rounds, writers, barrier), dying.FORKS.Queue()
    started = time.perf_counter()
    processes = [dying.start(take_part, meeting, number, results) for number in range(writers)]
    told: list[Told] = [results.get(timeout=PATIENCE) for _ in range(rounds * writers)]
    seconds = time.perf_counter() - started
    if {dying.was_killed(process) for process in processes} != {False}:
        raise SystemExit("a writer died")
    promoted = sum(one.promoted_as is not None for one in told)
    again = sum(one.compared_again for one in told)
    found = "; ".join(find_wrong(project, told)) or "whole, alias is head, all told the truth"
    return f"{promoted:,} | {len(told) - promoted:,} | {again:,} | {seconds:,.0f} | {promoted / seconds:.1f} | {found}"


def take_part(meeting: Meeting, number: int, results: Any) -> None:
    """One writer; puts what it was told of each of its challengers into `results`."""
    registry = ModelRegistry.of(load_project(meeting.folder))
    home = meeting.folder / f"writer-{number}"
    home.mkdir()
    for round_number in range(meeting.rounds):
        is_weak = round_number % meeting.writers == number
        score = 1 + round_number * meeting.writers + number
        challenger = build_challenger(home, score, model_name=registry.model_name)
        judge = Judge(challenger, is_weak=is_weak, barrier=meeting.barrier)
        if meeting.barrier:
            meeting.barrier.wait(PATIENCE)
        # a gate that ran before the champion came that everybody reads now
        seen = report_against(None if meeting.barrier or is_weak else registry.log.head(), challenger)
        results.put(tell(challenger, is_weak, promote(challenger, registry, judge.decide(seen), judge)))


def tell(challenger: Challenger, is_weak: bool, promotion: Promotion) -> Told:
    """What a writer was told."""
    promoted = promotion.entry.n if promotion.entry else None
    compared = promotion.gate_report.champion.n if promotion.gate_report.champion else None
    return Told(challenger.run_id, is_weak, promoted, compared, promotion.compared_again)


@dataclass
class Judge:
    """Says yes to a challenger whoever is champion, and no to a weak one; first when all have read the same head."""

    challenger: Challenger
    is_weak: bool
    barrier: Barrier | None
    calls: int = 0

    def __call__(self, champion: ChampionEntry | None) -> GateReport:
        if self.barrier and not self.calls:
            self.barrier.wait(PATIENCE)
        self.calls += 1
        return self.decide(report_against(champion, self.challenger))

    def decide(self, report: GateReport) -> GateReport:
        """The report with this judge's decision."""
        return report.model_copy(update={"decision": Decision.HOLD_BACK if self.is_weak else Decision.PROMOTE})


def find_wrong(project: Project, told: list[Told]) -> Iterator[str]:
    """Everything that does not hold after the meeting; nothing where all is well."""
    registry = ModelRegistry.of(project)
    found = audit(project)
    yield from (finding.what for finding in found.findings if finding.kind != "noted")
    entries = registry.log.entries()
    by_run = {entry.run_id: entry for entry in entries[1:]}
    if len(by_run) != len(entries) - 1:
        yield "a challenger stands twice in the log"
    if [entry.n for entry in entries] != list(range(1, len(entries) + 1)):
        yield "the numbers have gaps"
    promoted = {one.run_id: one.promoted_as for one in told if one.promoted_as is not None}
    if promoted != {run_id: entry.n for run_id, entry in by_run.items()}:
        yield "somebody was told of another entry than the log has"
    if {one.run_id for one in told if not one.is_weak} != set(by_run):
        yield "a better challenger was not promoted, or a worse one was"
    if not all(one.compared_with and one.compared_with <= len(entries) for one in told):
        yield "somebody compared with a champion that never was"
    if len({version.run_id for version in registry.versions()}) != len(entries):
        yield f"{len(entries)} entries have {len(registry.versions())} versions"


KILLED: dict[str, tuple[Callable[..., None], tuple[Any, ...], tuple[int, ...], int]] = {
    "first champion": (retrain, (80,), (), 1),
    "retrain": (retrain, (90,), (80,), 2),
    "rollback": (roll_back, (), (80, 90), 3),
    "freeze": (freeze, (), (80,), 1),
}
"""What is killed, with what arguments, after which champions, and how many entries there are in the end."""


def kill_everywhere(places: Places) -> Iterator[str]:
    """For each command before how many of its writes it was killed and healed."""
    for title, (act, arguments, champions, entries) in KILLED.items():
        healed = 0
        while True:
            project = places.begin(f"{title.replace(' ', '-')}-{healed}")
            make_champions(ModelRegistry.of(project), project.folder, *champions)
            if not dying.run(act, project.folder, *arguments, killed_before=healed + 1):
                break
            if any(finding.kind == "damaged" for finding in audit(project).findings):
                raise SystemExit(f"{title}, killed before write {healed + 1}: damaged")
            dying.run(act, project.folder, *arguments)
            found = audit(project)
            if not found.is_whole or len(found.entries) != entries:
                raise SystemExit(f"{title}, killed before write {healed + 1}: {found.findings}")
            healed += 1
        yield f"{healed} healed"


if __name__ == "__main__":
    main()
