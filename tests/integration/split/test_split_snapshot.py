"""A snapshot is cut into parts that lose no row and mix nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_mlkit.data.hash_holdout import assign_by_hash
from airflow_mlkit.data.split import split_snapshot
from airflow_mlkit.data.split_record import PARTS, SplitRecord
from airflow_mlkit.data.trained_rows import TrainedRows
from airflow_mlkit.exceptions import DataError, SplitError, WorkflowError
from airflow_mlkit.spec.data import DataSpec
from airflow_mlkit.spec.pipeline import BinaryProblem, MulticlassProblem, Problem

BINARY = BinaryProblem(kind="binary", positive="yes")
BY_KEY = {"sampling": "hash", "key": "account", "fraction": 0.3, "salt": "s"}


def table(rows: int = 400, **changes: Any) -> pa.Table:
    """Accounts with a number, a text, a date and a label; each row has its own `row`."""
    rng = np.random.default_rng(0)
    columns = {
        "row": pa.array(range(rows)),
        "account": pa.array([f"a{number}" for number in rng.integers(0, rows // 3, rows)]),
        "amount": pa.array(rng.normal(size=rows)),
        "country": pa.array(rng.choice(["US", "GB", "NG"], rows).tolist()),
        "day": pa.array([datetime(2026, 1, 1) + timedelta(hours=6 * row) for row in range(rows)], pa.timestamp("us")),
        "label": pa.array(rng.choice(["yes", "no"], rows).tolist()),
    }
    return pa.table(columns | changes)


def cut(
    folder: Path,
    snapshot: pa.Table,
    holdout: dict[str, Any] | None = None,
    *,
    problem: Problem = BINARY,
    features: tuple[str, ...] = ("row", "amount", "country"),
    make_features: Callable[[pd.DataFrame], pd.DataFrame] = lambda frame: frame,
    batch_rows: int = 1 << 16,
) -> SplitRecord:
    folder.mkdir(exist_ok=True)
    pq.write_table(snapshot, folder / "snapshot.parquet", row_group_size=50)
    data = DataSpec.model_validate(
        {
            "source": {"path": "x.parquet"},
            "features": features,
            "label": "label",
            "date_column": "day",
            "holdout": holdout or BY_KEY,
        }
    )
    return split_snapshot(
        folder / "snapshot.parquet",
        folder,
        data=data,
        problem=problem,
        make_features=make_features,
        snapshot_hash="abc",
        batch_rows=batch_rows,
    )


def read(folder: Path, part: str) -> pd.DataFrame:
    with pa.memory_map(str(folder / f"{part}.arrow")) as source:
        frame: pd.DataFrame = pa.ipc.open_file(source).read_pandas()
    return frame


HOLDOUTS = [
    BY_KEY,
    {"sampling": "hash", "fraction": 0.3},
    {"sampling": "date_range", "last": "20d"},
    {"sampling": "date_range", "start": "2026-02-01", "end": "2026-03-01"},
]


@pytest.mark.parametrize("holdout", HOLDOUTS, ids=["key", "rows", "last", "fixed"])
@pytest.mark.parametrize("batch", [37, 1 << 16], ids=["many batches", "one batch"])
def test_no_row_is_lost_and_none_is_in_two_parts(tmp_path: Path, holdout: dict[str, Any], batch: int) -> None:
    labels = table().column("label").to_pylist()
    snapshot = table(label=pa.array([None if row % 40 == 0 else label for row, label in enumerate(labels)]))
    record = cut(tmp_path, snapshot, holdout, batch_rows=batch)
    found = [int(row) for part in PARTS for row in read(tmp_path, part)["row"]]
    assert len(found) == len(set(found))
    assert record.rows.total == 400
    assert record.rows.unlabelled == 10
    assert len(found) == 400 - record.rows.unlabelled - record.rows.outside
    assert all(row % 40 for row in found)


def test_the_files_are_what_the_run_directory_promises(tmp_path: Path) -> None:
    record = cut(tmp_path, table())
    raw = pq.read_table(tmp_path / "holdout_raw.parquet")
    holdout = read(tmp_path, "holdout")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "holdout.arrow",
        "holdout_raw.parquet",
        "snapshot.parquet",
        "training.arrow",
        "validation.arrow",
    ]
    assert raw.schema.names == table().schema.names
    assert raw.column("row").to_pylist() == holdout["row"].astype(int).tolist()
    assert [record.classes[code] for code in holdout["label"]] == raw.column("label").to_pylist()
    assert {str(holdout[name].dtype) for name in ("row", "amount")} == {"float32"}
    assert record.categories == {"country": ("GB", "NG", "US")}
    assert record.classes == ("no", "yes")
    assert record.class_counts["holdout"] == tuple(np.bincount(holdout["label"]))
    assert SplitRecord.model_validate_json(record.to_bytes()) == record


def test_the_same_snapshot_makes_the_same_bytes_whatever_the_batches(tmp_path: Path) -> None:
    first, again, batched = tmp_path / "1", tmp_path / "2", tmp_path / "3"
    records = [cut(first, table()), cut(again, table()), cut(batched, table(), batch_rows=53)]
    assert records[0] == records[1] == records[2]
    for part in PARTS:
        assert (first / f"{part}.arrow").read_bytes() == (again / f"{part}.arrow").read_bytes()
        pd.testing.assert_frame_equal(read(first, part), read(batched, part))


def test_the_code_sees_the_rows_of_one_part_at_a_time(tmp_path: Path) -> None:
    seen: list[set[int]] = []

    def features(frame: pd.DataFrame) -> pd.DataFrame:
        seen.append(set(frame["row"]))
        return frame

    cut(tmp_path, table(), make_features=features)
    holdout = set(read(tmp_path, "holdout")["row"].astype(int))
    assert [rows & holdout in (set(), rows) for rows in seen] == [True] * len(seen)
    assert sum(map(len, seen)) == 400


def test_features_get_the_declared_columns_in_one_dtype_whatever_is_missing(tmp_path: Path) -> None:
    dtypes: list[dict[str, str]] = []

    def features(frame: pd.DataFrame) -> pd.DataFrame:
        dtypes.append({name: str(dtype) for name, dtype in frame.dtypes.items()})
        return frame.drop(columns="day")

    flags = pa.array([None, *[True, False] * 199, None])
    cut(tmp_path, table(flag=flags), features=("row", "country", "flag", "day"), make_features=features)
    expected = {"row": "Int64", "country": "str", "flag": "boolean", "day": "datetime64[us]"}
    assert dtypes == [expected] * len(dtypes)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(accounts=st.lists(st.integers(0, 30), min_size=1, max_size=60), order=st.randoms())
def test_an_entity_never_changes_sides(tmp_path: Path, accounts: list[int], order: Any) -> None:
    """Neither when rows are added nor when they come in another order."""

    def sides(keys: list[int]) -> dict[int, set[int]]:
        pq.write_table(pa.table({"account": keys}), tmp_path / "keys.parquet", row_group_size=7)
        data = DataSpec.model_validate(
            {"source": {"path": "x.csv"}, "features": ["f"], "label": "l", "holdout": BY_KEY}
        )
        codes = assign_by_hash(tmp_path / "keys.parquet", np.zeros(len(keys), np.bool_), data, data.holdout).codes
        found: dict[int, set[int]] = {}
        for key, code in zip(keys, codes.tolist(), strict=True):
            found.setdefault(key, set()).add(code)
        return found

    first = sides(accounts)
    shuffled = [*accounts, *range(100, 120)]
    order.shuffle(shuffled)
    later = sides(shuffled)
    assert all(len(codes) == 1 for codes in later.values())
    assert {key: later[key] for key in first} == first


def test_duplicates_stay_together_without_a_key(tmp_path: Path) -> None:
    twice = pa.concat_tables([table(), table(label=pa.array(["yes", "no"] * 200))])
    cut(tmp_path, twice, {"sampling": "hash", "fraction": 0.3})
    parts = [set(read(tmp_path, part)["row"]) for part in PARTS]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 400


def test_the_holdout_has_about_its_fraction(tmp_path: Path) -> None:
    record = cut(tmp_path, table(rows=20_000), {"sampling": "hash", "key": "row", "fraction": 0.25})
    assert record.rows.holdout == pytest.approx(5_000, abs=200)
    assert record.rows.validation == pytest.approx(1_500, abs=120)


@pytest.mark.parametrize(
    ("holdout", "message"),
    [
        ({"sampling": "date_range", "start": "2027-01-01", "end": "2027-02-01"}, "left for the holdout part"),
        (
            {"sampling": "date_range", "start": "2025-01-01", "end": "2028-01-01"},
            "left for the training part",
        ),
        ({"sampling": "date_range", "last": "1000d"}, "left for the training part"),
        ({"sampling": "hash", "key": "row", "fraction": 1e-9}, "left for the holdout part"),
        ({"sampling": "hash", "key": "row", "fraction": 1 - 1e-9}, "left for the training part"),
    ],
)
def test_an_empty_part_is_refused_with_its_numbers(tmp_path: Path, holdout: dict[str, Any], message: str) -> None:
    with pytest.raises(SplitError, match=message) as caught:
        cut(tmp_path, table(), holdout)
    assert "data.holdout" in str(caught.value)
    if "last" in holdout or "start" in holdout:
        assert "The rows are dated 2026-01-01 00:00 to 2026-04-10 18:00" in caught.value.message


@pytest.mark.parametrize("holdout", HOLDOUTS, ids=["key", "rows", "last", "fixed"])
def test_a_snapshot_without_rows_is_refused(tmp_path: Path, holdout: dict[str, Any]) -> None:
    with pytest.raises(SplitError, match="none of the 0 rows of the snapshot has a label"):
        cut(tmp_path, table().slice(0, 0), holdout)


def test_training_rows_of_one_moment_cannot_be_cut(tmp_path: Path) -> None:
    days = [datetime(2026, 1, 1)] * 300 + [datetime(2026, 3, 1)] * 100
    with pytest.raises(SplitError, match="no row is left for the validation part"):
        cut(tmp_path, table(day=pa.array(days, pa.timestamp("us"))), {"sampling": "date_range", "last": "5d"})


@pytest.mark.parametrize(
    ("changes", "holdout", "message"),
    [
        (
            {"account": [None, None, *["a"] * 398]},
            BY_KEY,
            "2 of 400 rows have no account.*row 1 of",
        ),
        (
            {"day": pa.array([None if row == 3 else datetime(2026, 1, 1) for row in range(400)], pa.timestamp("us"))},
            {"sampling": "date_range", "last": "5d"},
            "1 of 400 rows have no date in 'day'; the first one is row 4",
        ),
        ({"day": ["2026-01-01"] * 400}, {"sampling": "date_range", "last": "5d"}, "holds string, not dates"),
        ({"label": pa.nulls(400, pa.string())}, BY_KEY, "none of the 400 rows of the snapshot has a label"),
    ],
)
def test_rows_that_cannot_be_placed_are_refused(
    tmp_path: Path, changes: dict[str, Any], holdout: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        cut(tmp_path, table(**changes), holdout)


def test_a_class_that_no_training_row_has_is_named_with_its_place(tmp_path: Path) -> None:
    labels = ["rare" if row == 399 else ("a", "b")[row % 2] for row in range(400)]
    with pytest.raises(DataError, match=r"classes that no training row has: 'rare' \(1 in holdout\)"):
        cut(
            tmp_path,
            table(label=pa.array(labels)),
            {"sampling": "date_range", "last": "20d"},
            problem=MulticlassProblem(kind="multiclass"),
        )


def test_columns_that_depend_on_the_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkflowError, match="returned other columns for later rows: without 'country_NG'"):
        cut(
            tmp_path,
            table(country=pa.array(["NG"] + ["US"] * 399)),
            {"sampling": "date_range", "last": "20d"},
            make_features=lambda frame: pd.get_dummies(frame, columns=["country"]),
        )


def test_columns_without_any_value_are_kept_and_said_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    empty = table(text=pa.nulls(400, pa.string()), number=pa.nulls(400, pa.float64()))
    record = cut(tmp_path, empty, features=("row", "text", "number"))
    assert [feature.type for feature in record.features] == ["number", "category", "number"]
    assert read(tmp_path, "holdout")[["text", "number"]].isna().all(axis=None)
    assert [entry.args for entry in caplog.records] == [("text",), ("number",)]


def test_names_of_columns_may_be_anything(tmp_path: Path) -> None:
    odd = "../{{ x }}'; rm -rf / \n\"é"
    record = cut(tmp_path, table().append_column(odd, pa.array(["x", "y"] * 200)), features=("row", odd))
    assert record.feature_names == ("row", odd)
    assert list(read(tmp_path, "holdout").columns) == ["row", odd, "label"]


def test_a_key_that_becomes_text_changes_sides_so_that_a_model_of_before_has_seen_the_holdout(tmp_path):
    numbers = pa.array([number // 3 for number in range(400)])
    before = cut(tmp_path / "1", table(account=numbers), BY_KEY)
    wider = cut(tmp_path / "2", table(account=numbers.cast(pa.float64())), BY_KEY)
    text = cut(tmp_path / "3", table(account=numbers.cast(pa.string())), BY_KEY)
    learned = TrainedRows.of(before)
    assert learned.why_not_unseen(wider) is None
    assert "may have learned from rows of this one" in learned.model_copy(update={"newest": None}).why_not_unseen(text)
    assert "learned from rows up to" in learned.why_not_unseen(text)
