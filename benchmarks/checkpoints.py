"""What it costs that a training can go on: XGBoost by itself, drawing anew in each round, and keeping checkpoints too.

python benchmarks/checkpoints.py --rows 200000 --rounds 100
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from contextlib import suppress

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as mlkit step does: threads that spin count as work

import numpy as np
import xgboost

from airflow_mlkit.rundir import CheckpointFolder, open_place
from airflow_mlkit.workflows import checkpoint as checkpoints
from airflow_mlkit.workflows.checkpoint import Checkpoint


def main() -> None:
    """Measure each way in turn, a few times, and print the best processor time of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--columns", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--times", type=int, default=3)
    asked = parser.parse_args()
    chance = np.random.default_rng(0)
    features = chance.normal(size=(asked.rows, asked.columns)).astype("float32")
    label = (features[:, 0] * features[:, 1] + features[:, 2] + chance.normal(size=asked.rows) > 0).astype(int)
    taken: dict[str, list[float]] = {}
    for _ in range(asked.times):
        for name, keep in (("xgboost", None), ("drawing anew", Checkpoint()), ("a checkpoint each second", _keeping())):
            model = xgboost.XGBClassifier(
                n_estimators=asked.rounds, subsample=0.8, colsample_bytree=0.8, max_depth=6, n_jobs=2
            )
            began = time.process_time()
            model.fit(features, label) if keep is None else keep.fit(model, features, label)
            taken.setdefault(name, []).append(time.process_time() - began)
    for name, seconds in taken.items():
        more = (min(seconds) - min(taken["xgboost"])) / asked.rounds * 1000
        print(f"{name:<26}{min(seconds):8.2f} s  {more:+6.2f} ms a round")


def _keeping() -> Checkpoint:
    checkpoints.EVERY_SECONDS = 1.0
    folder = CheckpointFolder(open_place(tempfile.mkdtemp(prefix="mlkit-checkpoints-")))
    return Checkpoint(folder, str(time.time()))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
