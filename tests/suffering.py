"""The workflow of a project in whose steps a test makes something go wrong: a file in the bucket says what."""

from __future__ import annotations

from string import Template

from upath import UPath


def find_faults(bucket: UPath, project: str) -> UPath:
    """The file that says what goes wrong in a project's steps, by their names."""
    return bucket / "faults" / f"{project}.json"


def describe_workflow(faults: UPath) -> str:
    """The module of a workflow whose steps do what a file says."""
    return _WORKFLOW.substitute(faults=faults)


_WORKFLOW = Template('''
"""A model whose steps do what a file in the bucket says."""

import atexit
import json
import os
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import numpy as np
from upath import UPath
from xgboost import XGBClassifier
from xgboost.callback import TrainingCallback

from airflow_mlkit import Workflow


class Slow(TrainingCallback):
    """Makes each round of a training take a second."""

    def after_iteration(self, model, epoch, evals_log):
        time.sleep(1)


class Cards(Workflow):
    """Finds fraud."""

    def features(self, dataframe):
        suffer()
        return dataframe

    def train(self, training_dataframe, validation_dataframe):
        suffer()
        model = XGBClassifier(n_estimators=20, random_state=self.seed, n_jobs=self.threads, enable_categorical=True)
        if find_fault().get("slowly"):
            model.set_params(callbacks=[Slow()])
            self.checkpoint._pause = 1.0  # a minute, where no test waits for it
        return self.checkpoint.fit(model, training_dataframe[self.feature_columns], training_dataframe[self.label])


@cache
def find_fault():
    """What the test wants to go wrong in the step that this process carries out."""
    step = sys.argv[sys.argv.index("step") + 1]
    return json.loads(UPath("$faults").read_text()).get(step, {})


@cache
def suffer():
    """Let it go wrong, once in each of the step's pods."""
    fault = find_fault()
    if mebibytes := fault.get("hold"):
        held = np.ones(mebibytes << 17)
        print(f"holds {held.nbytes >> 20} MiB", flush=True)
    if mebibytes := fault.get("hold_in_child"):
        child = f"import time; held = b'x' * ({mebibytes} << 20); time.sleep(1)"
        subprocess.run([sys.executable, "-c", child], check=True)
    if mebibytes := fault.get("fill"):
        Path("/tmp/filled").write_bytes(bytes(mebibytes << 20))
    for number in range(fault.get("print_lines", 0)):
        print(f"line {number}".ljust(fault.get("width", 0), "."))
    for _ in range(fault.get("print_megabytes_on_a_line", 0)):
        print("x" * (1 << 20), end="", flush=True)
    if seconds := fault.get("sleep"):
        print("sleeps", flush=True)
        time.sleep(seconds)
    for second in range(fault.get("count", 0)):
        print(f"second {second}", flush=True)
        time.sleep(1)
    if fault.get("die_after_publishing"):
        atexit.register(os.kill, os.getpid(), signal.SIGKILL)
    if fault.get("leave"):
        os._exit(0)
    if fault.get("fail"):
        raise ValueError("these features cannot be made")
''')
