"""What is found out from a new table."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from airflow_mlkit.data.profile import profile_table
from airflow_mlkit.exceptions import AnswerError

ROWS = 400
DAYS = [f"2024-01-{1 + row % 28:02}" for row in range(ROWS)]


def text(values):
    return pa.array([None if value is None else str(value) for value in values], pa.string())


def make_table(**columns):
    """A table of text, as a csv file gives it: a noisy feature, a label, and what the test adds."""
    rng = np.random.default_rng(0)
    amount = rng.normal(50, 10, ROWS).round(2)
    label = np.where(amount + rng.normal(0, 10, ROWS) > 55, "yes", "no")
    return pa.table(
        {"amount": text(amount), **{name: text(values) for name, values in columns.items()}, "label": text(label)}
    )


def profile(table, label="label", **options):
    return profile_table(table, label, salt="test", **options)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["no", "yes"], "binary"),
        ([0, 1], "binary"),
        (["true", "false"], "binary"),
        ([0.5, 1.5], "binary"),
        (["red", "green", "blue"], "multiclass"),
        ([0, 1, 2], "multiclass"),
        ([1, 2, 3, 4, 5], "multiclass"),
        ([3, 4, 5, 6, 7, 8], "regression"),
        ([0, 1, 2, 5], "regression"),
        (list(range(40)), "regression"),
        ([0.5, 1.5, 2.5], "regression"),
    ],
)
def test_the_kind_of_problem_is_read_from_the_label(values, kind):
    table = make_table(target=[values[row % len(values)] for row in range(ROWS)])
    assert profile(table, "target").label.kind == kind


def test_a_declared_kind_is_taken():
    table = make_table(grade=[3 + row % 6 for row in range(ROWS)])
    assert profile(table, "grade", kind="multiclass").label.kind == "multiclass"
    with pytest.raises(AnswerError, match="regression needs numbers"):
        profile(table, kind="regression")


@pytest.mark.parametrize(
    ("values", "positive"),
    [
        (["no", "yes"], "yes"),
        (["yes", "no", "yes"], "yes"),
        ([0, 1, 1], 1),
        (["good", "good", "bad"], "bad"),
        (["false", "true"], True),
    ],
)
def test_the_positive_class_is_a_yes_or_the_rarer_one(values, positive):
    table = make_table(target=[values[row % len(values)] for row in range(ROWS)])
    assert profile(table, "target").label.positive == positive


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("customerID", [f"C-{row:05}" for row in range(ROWS)], "an identifier"),
        ("code", [f"C-{row:05}" for row in range(ROWS)], "an identifier"),
        ("order_id", [row * 7 for row in range(ROWS)], "an identifier"),
        ("n", range(ROWS), "counts the rows"),
        ("country", ["CA"] * ROWS, "the same in every row"),
        ("empty", [""] * ROWS, "missing in every row"),
        ("comment", [f"words {row % 300}" for row in range(ROWS)], "text with 300 different values"),
        ("born", [f"19{row % 90 + 10}-01-01" for row in range(ROWS)], "a date"),
        ("ratio", ["inf", *(row / 7 for row in range(ROWS - 1))], "infinite in 1 of 400 rows"),
        ("seen", ["2026-01-05T10:00:00", *["2026-01-05T10:00:00+02:00"] * (ROWS - 1)], "dates with and without a zone"),
        ("closed", ["open", *DAYS[1:]], "dates but for a few values such as 'open'; write them as 2024-12-31"),
        ("sent", ["2024-01-05T10:00:00.123456789"] * ROWS, "dates such as '2024-01-05T10:00:00.123456789'"),
        ("due", ["2024-02-30", *DAYS[1:]], "dates but for a few values such as '2024-02-30'"),
        ("signed", [f"{1 + row % 28:02}.12.2024" for row in range(ROWS)], "dates such as '01.12.2024': write them as"),
        ("paid", [f"12/{1 + row % 28}/24 10:00" for row in range(ROWS)], "dates such as '12/1/24 10:00'"),
        ("paid_in", ["n.v.", *(row / 7 for row in range(ROWS - 1))], "numbers but for a few values such as 'n.v.'"),
    ],
)
def test_what_no_model_should_use_is_left_out_with_the_reason(name, values, reason):
    found = profile(make_table(**{name: values}))
    assert found.features == ("amount",)
    assert found.left_out[name].startswith(reason)


@pytest.mark.parametrize("values", [["10.2.3", "11.0.1"], ["01-02", "03-04"], ["2024-01-02", "never", "soon"]])
def test_text_that_is_mostly_no_dates_is_a_category(values):
    assert profile(make_table(stage=[values[row % len(values)] for row in range(ROWS)])).features == ("amount", "stage")


@pytest.mark.parametrize("name", ["paid", "humid", "Postcode", "grid", "idle"])
def test_a_name_that_only_looks_like_an_identifier_is_none(name):
    assert name in profile(make_table(**{name: [row % 150 for row in range(ROWS)]})).features


def test_a_column_that_gives_the_label_away_is_left_out():
    table = make_table()
    said = table["label"].to_pylist()
    leaks = {
        "refunded": [value == "yes" for value in said],
        "closed_on": ["2024-01-0" + str(1 + row % 9) if value == "yes" else "" for row, value in enumerate(said)],
        "risk": [(100 if value == "yes" else 0) + row % 37 / 10 for row, value in enumerate(said)],
        "refund": [5 + row % 3 if value == "yes" else "" for row, value in enumerate(said)],
    }
    found = profile(make_table(**leaks))
    assert found.features == ("amount",)
    assert all(found.left_out[name].startswith(("gives label away", "a date")) for name in leaks)


def test_the_label_in_another_unit_is_left_out():
    table = make_table(price=[row * 0.5 for row in range(ROWS)], price_in_cents=[row * 50 for row in range(ROWS)])
    assert "price_in_cents" in profile(table, "price").left_out


def test_a_rare_label_is_not_taken_for_given_away():
    """99.9 % accuracy by always saying no is no leak."""
    table = make_table(
        rare=["yes" if row % 50 == 0 else "no" for row in range(ROWS)], colour=[row % 3 for row in range(ROWS)]
    )
    assert "colour" in profile(table, "rare").features


def test_codes_with_leading_zeros_stay_text():
    assert profile(make_table(zip=[f"0{row % 40:04}" for row in range(ROWS)])).columns["zip"].type == "category"


def test_the_newest_fifth_is_held_out_where_there_is_a_date():
    start = datetime(2026, 1, 1, tzinfo=UTC)
    table = make_table(created_at=[(start + timedelta(days=row // 4)).date() for row in range(ROWS)])
    found = profile(table).holdout
    assert found.date_column == "created_at"
    assert found.holdout.last == timedelta(days=20)


@pytest.mark.parametrize("name", ["birth_date", "expires_on", "due_date"])
def test_a_birthday_or_a_due_date_does_not_cut_the_holdout(name):
    start = datetime(2026, 1, 1, tzinfo=UTC)
    table = make_table(**{name: [(start + timedelta(days=row // 4)).date() for row in range(ROWS)]})
    assert profile(table).holdout.date_column is None


def test_without_a_date_a_fifth_is_held_out_by_the_hash_of_the_key():
    found = profile(make_table(customerID=[f"C-{row:05}" for row in range(ROWS)]))
    assert found.key == "customerID"
    assert found.holdout.holdout.model_dump(exclude_none=True) == {
        "sampling": "hash",
        "key": "customerID",
        "fraction": 0.2,
        "salt": "test",
    }


def test_rows_of_one_entity_are_held_out_together():
    table = make_table(payment_id=[f"P-{row:05}" for row in range(ROWS)], account_id=[row % 150 for row in range(ROWS)])
    found = profile(table)
    assert (found.key, found.holdout.holdout.key) == ("payment_id", "account_id")
    assert set(found.left_out) == {"payment_id", "account_id"}


def test_an_identifier_with_holes_is_no_key():
    assert profile(make_table(customerID=["", *(f"C-{row:05}" for row in range(1, ROWS))])).key is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([""] * ROWS, "missing in every row"),
        (["yes"] * ROWS, "'yes' in every row"),
        ([f"word {row}" for row in range(ROWS)], "a different one in every row"),
        (["2024-01-01", "2024-01-02"] * (ROWS // 2), "'target'"),
        (["a"] * (ROWS - 1) + ["b"], "only 1 of 400 rows"),
        (["-inf", *(row / 7 for row in range(ROWS - 1))], "infinite in 1 of 400 rows"),
        (["n.v.", *(row / 7 for row in range(ROWS - 1))], "numbers but for a few values such as 'n.v.'"),
    ],
)
def test_a_label_from_which_nothing_can_be_learnt_is_refused(values, words):
    with pytest.raises(AnswerError, match=words) if words != "'target'" else pytest.raises(AnswerError):
        profile(make_table(target=values), "target")


def test_a_mistyped_label_is_answered_with_the_nearest():
    with pytest.raises(AnswerError, match="did you mean label"):
        profile(make_table(), "lable")


def test_a_few_rows_are_refused():
    with pytest.raises(AnswerError, match="only 10 rows"):
        profile(make_table().slice(0, 10))


def test_a_table_with_nothing_to_learn_from_is_refused():
    with pytest.raises(AnswerError, match="no column is left"):
        profile(make_table(customerID=[f"C-{row:05}" for row in range(ROWS)]).drop_columns(["amount"]))


def test_infinite_numbers_do_not_disturb():
    table = make_table(ratio=["inf" if row % 10 == 0 else row % 37 / 7 for row in range(ROWS)])
    assert profile(table).columns["ratio"].rows == ROWS
