"""What a verdict costs beside two values by hand: `python benchmarks/comparison.py [--rows 1000000] [--rounds 5]`.

For each metric the median time of `compare` with champion, challenger and anchor, of the same with entities of ten
rows, and of computing the metric twice with scikit-learn, all on the same rows in the same run.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from sklearn import metrics

from airflow_mlkit.gates import compare

BY_HAND: dict[str, Callable[[Any, Any], float]] = {
    "roc_auc": metrics.roc_auc_score,
    "average_precision": metrics.average_precision_score,
    "log_loss": metrics.log_loss,
    "brier_score": metrics.brier_score_loss,
    "f1": lambda labels, scores: float(metrics.f1_score(labels, scores >= 0.5)),
    "rmse": metrics.root_mean_squared_error,
    "mae": metrics.mean_absolute_error,
}
ERRORS = ("rmse", "mae")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--metrics", nargs="+", default=list(BY_HAND))
    options = parser.parse_args()
    labels, models, entities = draw(options.rows)
    print(f"| metric ({options.rows:,} rows) | compare | with entities | by hand, two values | ratio |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for metric in options.metrics:
        truth = models[0] + np.float32(0.1) if metric in ERRORS else labels
        acts = (
            partial(decide, metric, truth, models),
            partial(decide, metric, truth, models, entities),
            partial(decide_by_hand, metric, truth, models),
        )
        timed = [measure(options.rounds, act) for act in acts]
        told = " | ".join(f"{seconds * 1000:,.0f} ms" for seconds in timed)
        print(f"| {metric} | {told} | {timed[0] / timed[2]:.2f} |", flush=True)
    print(f"\npeak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20):.1f} GiB")


def draw(rows: int) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    """Labels, the scores of champion, challenger and anchor in float32, and the entity of each row."""
    rng = np.random.default_rng(0)
    signal = rng.normal(size=rows).astype(np.float32)
    labels = (rng.random(rows, dtype=np.float32) < 1 / (1 + np.exp(2 - 1.5 * signal))).astype(np.int8)
    noise = [rng.normal(size=rows).astype(np.float32) for _ in range(3)]
    models = [1 / (1 + np.exp(2 - 1.5 * (signal + np.float32(0.3) * each))) for each in noise]
    return labels, models, rng.integers(0, max(rows // 10, 1), rows)


def decide(metric: str, labels: np.ndarray, models: list[np.ndarray], entities: np.ndarray | None = None) -> None:
    """One verdict."""
    champion, challenger, anchor = models
    compare(labels, champion, challenger, metric=metric, anchor_scores=anchor, groups=entities)


def decide_by_hand(metric: str, labels: np.ndarray, models: list[np.ndarray]) -> bool:
    """Two values, the larger one wins."""
    champion, challenger = (BY_HAND[metric](labels, scores) for scores in models[:2])
    return challenger > champion


def measure(rounds: int, act: Callable[[], Any]) -> float:
    """The median of several times, after one that does not count."""
    times = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        act()
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


if __name__ == "__main__":
    main()
