"""What a verdict on a very large holdout takes: `python benchmarks/large_holdout.py [--rows 100000000] [--gib 24]`.

For each metric, with an anchor, and once more with entities of ten rows: the seconds of one `compare`, and the most
memory that its process has held, its input of labels, three models' scores and entities included. Each runs in a
process of its own which may not have more than `--gib` of address space.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time
from multiprocessing.connection import Connection

import numpy as np

from airflow_mlkit.gates import compare

METRICS = ("roc_auc", "log_loss", "rmse", "average_precision")
ERRORS = ("rmse",)
CHUNK = 1 << 22


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000_000)
    parser.add_argument("--gib", type=float, default=24)
    parser.add_argument("--metrics", nargs="+", default=METRICS)
    options = parser.parse_args()
    print(f"| metric ({options.rows:,} rows) | entities | seconds | input | peak |")
    print("| --- | --- | ---: | ---: | ---: |")
    for metric in options.metrics:
        for with_entities in (False, True):
            found = measure_apart(metric, options.rows, options.gib, with_entities=with_entities)
            print(f"| {metric} | {'10 rows each' if with_entities else 'none'} | {found} |", flush=True)


def measure_apart(metric: str, rows: int, gib: float, *, with_entities: bool) -> str:
    """One verdict in a process of its own, as cells of a table."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=measure, args=(metric, rows, gib, with_entities, sender))
    process.start()
    sender.close()
    try:
        seconds, given, peak = receiver.recv()
    except EOFError:
        return f"did not fit into {gib:g} GiB | |"
    finally:
        process.join()
    return f"{seconds:,.1f} | {given:.1f} GiB | {peak:.1f} GiB"


def measure(metric: str, rows: int, gib: float, with_entities: bool, sender: Connection) -> None:
    """One verdict; sends its seconds, the memory held before it, and the most that was held."""
    limit = int(gib * (1 << 30))
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    labels, models = draw(rows, is_regression=metric in ERRORS)
    entities = np.random.default_rng(1).integers(0, max(rows // 10, 1), rows, dtype=np.int32) if with_entities else None
    given = labels.nbytes + sum(scores.nbytes for scores in models) + (entities.nbytes if with_entities else 0)
    champion, challenger, anchor = models
    started = time.perf_counter()
    found = compare(labels, champion, challenger, metric=metric, anchor_scores=anchor, groups=entities)
    seconds = time.perf_counter() - started
    if found.estimate is None:
        raise SystemExit(found.reason)
    sender.send((seconds, given / (1 << 30), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)))


def draw(rows: int, *, is_regression: bool) -> tuple[np.ndarray, list[np.ndarray]]:
    """Labels and the scores of champion, challenger and anchor, made piece by piece."""
    rng = np.random.default_rng(0)
    labels = np.empty(rows, np.float32 if is_regression else np.int8)
    models = [np.empty(rows, np.float32) for _ in range(3)]
    for start in range(0, rows, CHUNK):
        part = slice(start, min(start + CHUNK, rows))
        signal = rng.standard_normal(part.stop - start, np.float32)
        for scores in models:
            noisy = signal + np.float32(0.3) * rng.standard_normal(len(signal), np.float32)
            scores[part] = 1 / (1 + np.exp(2 - 1.5 * noisy))
        truth = 1 / (1 + np.exp(2 - 1.5 * signal))
        labels[part] = truth + np.float32(0.1) if is_regression else rng.random(len(signal), np.float32) < truth
    return labels, models


if __name__ == "__main__":
    main()
