"""What the sanity checks say to ordinary and to broken data, and what they cost: `python benchmarks/sanity.py`.

Prints the figures of docs/reference/sanity-checks.md: columns that move with the calendar, with a retrain a week;
columns that an upstream change broke; and the seconds for a million holdout rows of 20 features.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from airflow_mlkit.data.part_sample import draw_rows
from airflow_mlkit.data.split_record import FeatureColumn
from airflow_mlkit.gates.sanity.drift import measure_drift
from airflow_mlkit.gates.sanity.judge import Scored, judge_sanity
from airflow_mlkit.gates.sanity.split_parts import Part, SplitParts
from airflow_mlkit.spec.sanity import SanitySpec

ROWS_A_DAY = 100
FEATURES = 20
LIMIT = 1.0


def make_columns(day: NDArray[np.int64], random: np.random.Generator) -> dict[str, NDArray[np.generic]]:
    """Columns of rows that are dated; whole numbers are codes of categories."""
    rows, of_year = len(day), day % 365
    month = (of_year // 30.5).astype(np.int32)
    steady = {
        "month": month.astype(float),
        "month as a category": month,
        "day of the week": (day % 7).astype(float),
        "day of the year": of_year.astype(float),
        "year": (day // 365).astype(float),
        "counter": np.arange(rows, dtype=float),
        "campaign": (random.random(rows) < np.where(day // 30 % 6 == 0, 0.4, 0.1)).astype(np.int32),
    }
    trends = {f"trend, {size:g} sd a year": random.normal(size=rows) + size * day / 365 for size in (0.5, 1, 2, 4)}
    seasons = {
        f"season, {size:g} sd": random.normal(size=rows) + size * np.sin(2 * np.pi * of_year / 365)
        for size in (0.5, 1, 2, 4)
    }
    return steady | trends | seasons | {"is December": (month == 11).astype(float)}


def retrain_weekly() -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Days of a holdout, and the date of each row, for retrains over a year with half a year to two years of rows."""
    for days in (182, 365, 730):
        for end in range(days + 30, days + 395, 7):
            for held_out in (7, 30, 90):
                yield held_out, np.repeat(np.arange(end - days, end), ROWS_A_DAY)


def count_false_alarms() -> None:
    random, alarms, retrains = np.random.default_rng(0), Counter[str](), 0
    for held_out, day in retrain_weekly():
        retrains += 1
        is_held_out = day > day[-1] - held_out
        older = np.flatnonzero(~is_held_out)
        training, validation = np.split(older, [int(0.9 * len(older))])
        for name, column in make_columns(day, random).items():
            parts = (column[training], column[validation], column[is_held_out])
            alarms[name] += measure_drift(*parts, limit=LIMIT, tests=FEATURES).is_too_far
    print(f"| column | called too far in {retrains} retrains |\n| --- | --- |")
    for name, count in alarms.items():
        print(f"| {name} | {count} |")


def find_what_is_broken() -> None:
    values = np.random.default_rng(0).lognormal(3, 1, 20_000)
    changes = {"x 100": 100 * values, "x 10": 10 * values, "x 2": 2 * values, "sign": -values, "constant": 0 * values}
    for rows in (100, 3500):
        for name, changed in changes.items():
            parts = (values[: 4 * rows], values[4 * rows : 5 * rows], changed[-rows:])
            drift = measure_drift(*parts, limit=LIMIT, tests=FEATURES)
            print(f"| {rows} rows, {name} | {drift.distance:.2f} | {'found' if drift.is_too_far else 'passes'} |")


def time_a_million_rows() -> None:
    random, rows = np.random.default_rng(0), 1_000_000
    labels, scores = (random.random(rows) < 0.2).astype(np.int64), random.random(rows)
    index = draw_rows(rows)
    features = {f"f{k}": random.normal(size=len(index)).astype(np.float32) for k in range(FEATURES)}
    part = Part(labels[index], features)
    columns = tuple(FeatureColumn(name=name, type="number") for name in features)
    parts = SplitParts(columns, part, part, part, entities=rows)
    started = time.perf_counter()
    judge_sanity(SanitySpec(), Scored("binary", labels, scores, parts, scores[index], rows, None))
    print(f"{rows:,} holdout rows, {FEATURES} features: {time.perf_counter() - started:.2f} s")


if __name__ == "__main__":
    count_false_alarms()
    find_what_is_broken()
    time_a_million_rows()
