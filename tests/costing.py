"""Runs whose times and sizes a test chooses, as their steps would have left them."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from upath import UPath

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SMALL: dict[str, Any] = {
    "name": "cpu-small",
    "cpu": 2,
    "memory": "4Gi",
    "pool": "general",
    "backend": "kubernetes",
    "node": {"cpu": 8, "memory": "32Gi"},
    "price_per_hour": 0.4,
    "currency": "EUR",
}


def write_run(runs: UPath | Path, name: str, *, project: str = "cards", dag: str = "retrain") -> UPath:
    """A run without steps."""
    run = UPath(runs) / name
    run.mkdir(parents=True, exist_ok=True)
    record = {"name": project, "run_id": name, "dag": dag, "started": NOON.isoformat()}
    (run / "run.json").write_text(json.dumps(record))
    return run


def write_try(
    run: UPath,
    place: str = "train/1/1",
    *,
    started: datetime = NOON,
    seconds: float | None = 3600,
    size: dict[str, Any] | None = SMALL,
) -> UPath:
    """A try of a step, such as `train/1/1`; one without seconds was killed."""
    step, generation, number = place.split("/")
    folder = run / "steps" / step / generation / "tries" / number
    folder.mkdir(parents=True, exist_ok=True)
    claim = {"started": started.isoformat(), "claim": place} | ({"size": size} if size else {})
    (folder / "started.json").write_text(json.dumps(claim))
    if seconds is not None:
        ended = started + timedelta(seconds=seconds)
        times = {"started": started.isoformat(), "ended": ended.isoformat()}
        outcome = {"step": step, "generation": int(generation), "try_number": int(number)}
        (folder / "outcome.json").write_text(json.dumps(outcome | claim | times | {"outcome": "done", "exit_code": 0}))
    return folder


def write_log(folder: UPath, after: float) -> None:
    """A log that was last written to some seconds after the try began."""
    log = Path(folder.path) / "log.txt"
    log.write_text("at work\n")
    for file, moment in ((log.with_name("started.json"), NOON), (log, NOON + timedelta(seconds=after))):
        os.utime(file, (moment.timestamp(), moment.timestamp()))
