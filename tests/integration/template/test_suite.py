"""The suite that is made from a file: the file passes it, and broken files do not."""

import json

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from airflow_mlkit.data.frame import to_frame
from airflow_mlkit.data.profile import profile_table
from airflow_mlkit.scaffold.data_file import read_data
from airflow_mlkit.scaffold.suite import build_suite, suite_text
from airflow_mlkit.validation.great_expectations import validate
from airflow_mlkit.validation.suite import load_suite

TEXTS = ("customerID", "plan", "region", "churned")


@pytest.fixture(scope="module")
def profile(customers):
    return profile_table(read_data(str(customers)), "churned", salt="test")


@pytest.fixture(scope="module")
def table(profile):
    return pa.table({name: column.values for name, column in profile.columns.items()})


@pytest.fixture(scope="module")
def suite(profile, tmp_path_factory):
    path = tmp_path_factory.mktemp("suite") / "churn.json"
    path.write_text(suite_text(build_suite("churn", profile)), encoding="utf-8")
    return load_suite(path)


def change(table, name, values):
    return table.set_column(table.column_names.index(name), name, values)


def scaled(name, factor):
    return lambda table: change(table, name, pc.multiply(table[name].cast(pa.float64()), float(factor)))


def swapped(one, other):
    return lambda table: change(change(table, one, table[other]), other, table[one])


BROKEN = {
    "amounts in cents": scaled("monthly", 100),
    "amounts negated": scaled("total", -1),
    "amounts in thousands": scaled("total", 0.001),
    "a column without values": lambda table: change(table, "monthly", pa.nulls(len(table), pa.float64())),
    "a third of a column missing": lambda table: change(
        table, "plan", pc.if_else(pc.less(pa.array(range(len(table))), len(table) // 3), None, table["plan"])
    ),
    "other categories": lambda table: change(table, "plan", pc.utf8_upper(table["plan"])),
    "other labels": lambda table: change(table, "churned", pc.utf8_lower(table["churned"])),
    "far fewer rows": lambda table: table.slice(0, 100),
    "no rows": lambda table: table.slice(0, 0),
    "every row twice": lambda table: pa.concat_tables([table, table]),
    "two columns swapped": swapped("tenure", "monthly"),
    "two texts swapped": swapped("plan", "region"),
    "a column gone": lambda table: table.drop_columns(["tenure"]),
    "a column renamed": lambda table: table.rename_columns({"plan": "tariff"}),
}


def test_the_data_passes(suite, table):
    assert validate(suite, to_frame(table))["success"]


def test_a_bootstrap_of_the_data_passes(suite, table):
    """Another month of the same customers is no fault."""
    for seed in range(3):
        rows = pa.array([(seed * 7919 + row * 104729) % len(table) for row in range(len(table))])
        again = change(table.take(rows), "customerID", pa.array([f"X-{row}" for row in range(len(table))]))
        assert validate(suite, to_frame(again))["success"]


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_data_does_not(suite, table, fault):
    assert not validate(suite, to_frame(BROKEN[fault](table)))["success"]


def test_the_file_has_one_expectation_a_line(profile):
    text = suite_text(build_suite("churn", profile))
    assert text.count("\n") == len(json.loads(text)["expectations"]) + 5


def test_fewer_rows_only_warn_where_rows_have_dates(tmp_path):
    """A backfill of months ago sees the rows that there were then."""
    path = tmp_path / "payments.csv"
    days = [f"2026-{1 + row // 28:02d}-{1 + row % 28:02d}" for row in range(280)]
    rows = (f"{day},{row % 90},{'yes' if row % 3 else 'no'}\n" for row, day in enumerate(days))
    path.write_text(f"paid_on,amount,fraud\n{''.join(rows)}", encoding="utf-8")
    dated = profile_table(read_data(str(path)), "fraud", salt="test")
    assert dated.holdout.date_column == "paid_on"
    (count,) = (one for one in build_suite("cards", dated)["expectations"] if "row_count" in one["type"])
    assert (count["kwargs"], count["severity"]) == ({"min_value": 140}, "warning")
