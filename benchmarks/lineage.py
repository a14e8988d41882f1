"""How long `mlkit lineage` takes in a large registry: many projects, each with many versions.

    python benchmarks/lineage.py --projects 200 --versions 50

The rows of MLflow's tables are written straight into its SQLite file, with the tags of a real version; the champion
logs are real ones. Each question is asked in a process of its own, as a person does.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.champion_log import ChampionLog
from airflow_mlkit.registry.mlflow_client import connect
from airflow_mlkit.registry.version_facts import VersionFacts

FEATURES = 40


def main() -> None:
    """Build the registry, ask it, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--projects", type=int, default=200)
    parser.add_argument("--versions", type=int, default=50)
    parser.add_argument("--keep", type=Path, help="build the registry in this folder and leave it there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.keep or Path(scratch)
        uri = f"sqlite:///{folder}/mlflow.db"
        if not (folder / "mlflow.db").exists():
            build(folder, uri, given.projects, given.versions)
        print(f"{given.projects} projects x {given.versions} versions, {FEATURES} features each")
        for arguments in ([], ["--column", "amount"], ["--column", "amount", "--all-versions"], ["--model", "model-7"]):
            wall, processor = ask(uri, arguments)
            print(f"{wall:6.1f} s, {processor:5.1f} s of processor time: mlkit lineage {' '.join(arguments)}")


def ask(uri: str, arguments: list[str]) -> tuple[float, float]:
    """Seconds that one question takes, start of Python included: by the clock, and of the processor."""
    command = [sys.executable, "-m", "airflow_mlkit", "lineage", "--registry", uri, *arguments]
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - begun, spent


def build(folder: Path, uri: str, projects: int, versions: int) -> None:
    """Write registered models with their versions, and their champion logs."""
    import sqlalchemy
    from mlflow.store.model_registry.dbmodels import models

    folder.mkdir(parents=True, exist_ok=True)
    connect(uri)
    now = int(time.time() * 1000)
    tables: dict[str, list[dict[str, object]]] = {"model": [], "model_tag": [], "version": [], "version_tag": []}
    for project in range(projects):
        name = f"model-{project}"
        tables["model"].append({"name": name, "creation_time": now, "last_updated_time": now})
        tables["model_tag"].append({"name": name, "key": "mlkit.champion_log", "value": f"champions/{name}"})
        for version in range(1, versions + 1):
            tables["version"].append(
                {"name": name, "version": version, "creation_time": now, "last_updated_time": now, "source": "x"}
            )
            tags = describe(folder, project, version).to_tags()
            tables["version_tag"] += [
                {"name": name, "version": version, "key": key, "value": value} for key, value in tags.items()
            ]
        write_log(folder / "champions" / name, name, versions)
    kinds = {
        "model": models.SqlRegisteredModel,
        "model_tag": models.SqlRegisteredModelTag,
        "version": models.SqlModelVersion,
        "version_tag": models.SqlModelVersionTag,
    }
    with sqlalchemy.create_engine(uri).begin() as connection:
        for key, rows in tables.items():
            connection.execute(sqlalchemy.insert(kinds[key].__table__), rows)


def describe(folder: Path, project: int, version: int) -> VersionFacts:
    """What a version tells of itself: as long as in earnest."""
    return VersionFacts(
        model_id=f"{project * 1000 + version:064x}",
        run_id=f"scheduled__{version}",
        run_dir=str(folder / "runs" / f"model-{project}" / str(version)),
        as_of=datetime(2026, 1, 1, tzinfo=UTC),
        owner=f"team-{project % 12}@example.com",
        source={"path": f"s3://warehouse/table-{project % 30}.parquet"},
        features=("amount", *(f"feature_{project % 30}_{number}" for number in range(FEATURES - 1))),
        label="label",
        roles={"date": ("created_at",), "holdout key": ("customer_id",)},
        data_hash="d" * 64,
        spec_hash="s" * 64,
        code_hash="c" * 64,
        git_commit="a" * 40,
        git_clean=True,
        libraries={f"library-{number}": "1.2.3" for number in range(12)},
    )


def write_log(folder: Path, name: str, champions: int) -> None:
    """A champion log in which each version became the champion."""
    folder.mkdir(parents=True)
    log = ChampionLog(folder)
    for n in range(1, champions + 1):
        fields = dict.fromkeys(("gate_report", "data_hash", "holdout_hash", "spec_hash", "code_hash"), "h" * 64)
        entry = {
            "n": n,
            "model_name": name,
            "model_version": str(n),
            "model_id": "m" * 64,
            "run_id": str(n),
            "run_dir": f"../../runs/{name}/{n}",
            "promoted_at": datetime(2026, 1, 1, tzinfo=UTC),
            "promoted_by": "airflow, scheduled",
            "reason": "better",
            "artifact": "x",
        }
        assert log.append(ChampionEntry.model_validate_json(json.dumps(fields | entry, default=str)))


if __name__ == "__main__":
    main()
