"""A project's Python that runs the real `mlkit step` with other steps: what each does stands in behaviour.json.

It stands in for the work only. The command line, the run directory and the exit codes are the kit's.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

from airflow_mlkit.cli.app import main
from airflow_mlkit.exceptions import SourceError, StepError, UserError
from airflow_mlkit.rundir import Outcome
from airflow_mlkit.steps.context import StepContext, StepResult

STEPS = ("extract", "validate", "split", "train", "evaluate", "gate", "promote", "predict")


def run(context: StepContext) -> StepResult:
    """Do what behaviour.json says of this step: by default write a file and end well."""
    folder = context.project.folder
    behaviour = json.loads((folder / "behaviour.json").read_text()).get(context.planned.name, {})
    sys.stdout.write(f"hello from {context.planned.name}\n")
    sys.stdout.flush()
    (context.folder / "record.json").write_text(context.run.record.model_dump_json())
    (context.folder / "environment.json").write_text(json.dumps(dict(os.environ)))
    for name, content in behaviour.get("files", {}).items():
        (context.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (context.folder / name).write_text(content)
    if behaviour.get("sleep"):
        child = subprocess.Popen(["sleep", "300"])
        (folder / "pids.json").write_text(json.dumps([os.getpid(), child.pid]))
        time.sleep(behaviour["sleep"])
    if behaviour.get("kill") == "once" and context.attempt.number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    errors = {"user": UserError, "data": SourceError, "other": StepError}
    if behaviour.get("error"):
        raise errors[behaviour["error"]](behaviour["reason"])
    outcome = Outcome.HELD_BACK if behaviour.get("held_back") else Outcome.DONE
    return StepResult(summary=behaviour.get("summary", {}), outcome=outcome, reason=behaviour.get("reason"))


for step in STEPS:
    module = ModuleType(f"airflow_mlkit.steps.{step}")
    module.run = run  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[3]))
    sys.argv[1:3] = []
    starts = Path(f"starts-{sys.argv[2]}")
    starts.write_text(f"{starts.read_text() if starts.exists() else ''}.")
    if json.loads(Path("behaviour.json").read_text()).get(sys.argv[2], {}).get("starts") == len(starts.read_text()) - 1:
        sys.exit("the disk is full")
    main()
