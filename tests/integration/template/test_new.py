"""`mlkit new`: the interview, and what it refuses. Nothing half-made is ever left behind."""

import gzip
import io
import subprocess
import sys

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from rich.console import Console

from airflow_mlkit.exceptions import AnswerError, MLKitError
from airflow_mlkit.project import load_project
from airflow_mlkit.scaffold import new_project
from airflow_mlkit.scaffold.answers import Approval, Pattern
from airflow_mlkit.scaffold.interview import Given, Interview, hold_interview
from airflow_mlkit.scaffold.new_project import make_project
from airflow_mlkit.scaffold.summary import print_summary

from .conftest import HEADER, make_rows, write_csv


def without_input(output, **given):
    answers, table = hold_interview(Given(**given), output, asks=False)
    return make_project(answers, output, table=table)


def test_the_command_makes_a_project_and_says_what_to_type_next(customers, tmp_path):
    command = [sys.executable, "-m", "airflow_mlkit", "new", "--no-input", "--name", "churn", "--data", str(customers)]
    result = subprocess.run([*command, "--label", "churned"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    for words in ('"Yes" (', "customerID: an identifier", "cd churn && mlkit run"):
        assert words in result.stdout
    again = subprocess.run([*command, "--label", "churned"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert again.returncode == 2
    assert "churn is there already" in again.stderr
    assert "Traceback" not in again.stderr


def test_defaults_come_from_the_data(customers, tmp_path):
    spec = load_project(without_input(tmp_path, data=str(customers)).folder).spec
    assert (spec.name, spec.data.label, spec.train.schedule.cron) == ("customers", "churned", "@weekly")


def test_the_salt_may_be_given(customers, tmp_path):
    spec = load_project(without_input(tmp_path, data=str(customers), salt="seven").folder).spec
    assert spec.data.holdout.salt == "seven"


def test_a_file_without_a_header_row_wants_names(tmp_path):
    data = write_csv(tmp_path / "bare.csv", make_rows(), header=None)
    with pytest.raises(AnswerError, match="no header row") as refused:
        without_input(tmp_path / "work", data=str(data), name="churn")
    assert "--columns" in refused.value.hint
    made = without_input(tmp_path / "work", data=str(data), name="churn", columns=",".join(HEADER), label="churned")
    assert load_project(made.folder).spec.data.source.columns == tuple(HEADER)


def test_a_large_file_stays_where_it_is(answers, customers, tmp_path, monkeypatch):
    monkeypatch.setattr(new_project, "MAX_COPIED_BYTES", 100)
    made = make_project(answers(), tmp_path)
    assert load_project(made.folder).spec.data.source.path == str(customers)
    assert not made.copied


def test_live_says_that_there_is_no_server_yet(answers, tmp_path):
    made = make_project(answers(pattern=Pattern.LIVE), tmp_path)
    console = Console(file=io.StringIO(), width=120)
    print_summary(answers(pattern=Pattern.LIVE), made, console)
    assert "no model server yet" in console.file.getvalue()
    assert load_project(made.folder).spec.predict is None


def interview(monkeypatch, output, lines, **given):
    """Hold an interview in which a person types these lines. Returns the answers and what was shown."""
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines) + "\n"))
    console = Console(file=io.StringIO(), width=120)
    answers, _ = Interview(Given(**given), output, console).hold()
    return answers, console.file.getvalue()


def test_enter_takes_every_default(monkeypatch, customers, tmp_path):
    answers, _ = interview(monkeypatch, tmp_path, [str(customers), *[""] * 8])
    assert (answers.name, answers.label, answers.pattern, answers.approval) == (
        "customers",
        "churned",
        Pattern.BATCH,
        Approval.NONE,
    )


def test_a_bad_answer_is_asked_again(monkeypatch, customers, tmp_path):
    lines = ["nowhere.csv", str(customers), "churnd", "churned", "class", "churn", "Who leaves", "me@example.com"]
    lines += ["sometimes", "live", "n", "soon", "daily", "person"]
    answers, shown = interview(monkeypatch, tmp_path, lines)
    for sentence in (
        "nowhere.csv is not there",
        "did you mean churned",
        "word of Python",
        "'sometimes' is no answer",
        "'soon' is",
    ):
        assert sentence in shown
    assert "--data" not in shown
    assert (answers.name, answers.pattern, answers.cron, answers.approval) == ("churn", "live", "@daily", "person")


def test_the_names_of_a_file_without_a_header_row_are_asked(monkeypatch, tmp_path):
    data = write_csv(tmp_path / "bare.csv", make_rows(), header=None)
    answers, shown = interview(monkeypatch, tmp_path, [str(data), "a,b", ",".join(HEADER), *[""] * 8])
    assert answers.columns == tuple(HEADER)
    assert "These are 2 names; 7 are needed" in shown


def test_nobody_there_to_be_asked_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(AnswerError, match="nobody is there"):
        hold_interview(Given(), tmp_path, asks=True)


def write_parquet(path):
    pa.parquet.write_table(pa.table({"a": range(100), "label": [0, 1] * 50}), path)
    return path.read_bytes()


BAD_FILES = {
    "missing.csv": (None, "is not there"),
    "empty.csv": (b"", "is empty"),
    "blank.csv": (b"\n\n  \n", "is empty"),
    "header.csv": (b"a,b,label\n", "header row and no other|holds no row|no rows"),
    "binary.csv": (bytes(range(256)) * 40, "NUL|no csv|is no"),
    "twice.csv": (b"a,a,label\n" + b"1,2,0\n3,4,1\n" * 50, "two columns named 'a'"),
    "ragged.csv": (b"a,b,label\n" + b"1,2,0\n3,4\n" * 50, "cells"),
    "picture.png": (b"\x89PNG", "neither .csv nor .parquet"),
    "short.csv.gz": (gzip.compress(b"a,b,label\n" + b"1,2,0\n3,4,1\n" * 5000)[:60], "to its end"),
    "few.csv": (b"a,label\n1,0\n2,1\n", "only 2 rows"),
    "one-column.csv": (b"label\n" + b"x\ny\n" * 50, "no column is left"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_cannot_be_used_is_refused_in_a_sentence(tmp_path, name):
    content, words = BAD_FILES[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(MLKitError, match=words):
        without_input(tmp_path / "work", data=str(tmp_path / name), name="churn", label="label")
    assert not (tmp_path / "work").exists()


def test_a_mistyped_path_is_answered_with_the_nearest(customers, tmp_path):
    with pytest.raises(AnswerError, match=r"did you mean .*customers\.csv"):
        without_input(tmp_path, data=str(customers.with_name("custmers.csv")))


def test_a_parquet_file_makes_a_project(customers, tmp_path):
    pa.parquet.write_table(pa.csv.read_csv(customers), tmp_path / "customers.parquet")
    made = without_input(tmp_path, data=str(tmp_path / "customers.parquet"), name="churn")
    assert load_project(made.folder).spec.data.source.path == "data/customers.parquet"


def test_a_truncated_parquet_file_is_refused(tmp_path):
    (tmp_path / "cut.parquet").write_bytes(write_parquet(tmp_path / "whole.parquet")[:-200])
    with pytest.raises(MLKitError, match="to its end"):
        without_input(tmp_path / "work", data=str(tmp_path / "cut.parquet"), name="churn", label="label")


BAD_ANSWERS = {
    "name": ("../churn", "cannot be used"),
    "label": ("churnd", "did you mean churned"),
    "owner": ("me\nyou", "line break"),
    "predicts": (" ", "is empty"),
    "pattern": ("stream", "batch, live"),
    "approval": ("maybe", "none, person"),
    "schedule": ("0 0 * *", "no schedule"),
    "columns": ("a,b", "--columns names 2"),
    "kind": ("binry", "did you mean binary"),
}


@pytest.mark.parametrize("key", BAD_ANSWERS)
def test_an_answer_that_cannot_be_used_is_refused_in_a_sentence(customers, tmp_path, key):
    text, words = BAD_ANSWERS[key]
    with pytest.raises(AnswerError, match=words):
        without_input(tmp_path / "work", **{"data": str(customers), "name": "churn", key: text})
    assert not (tmp_path / "work").exists()


def test_a_folder_that_is_there_is_left_alone(answers, tmp_path):
    (tmp_path / "churn").mkdir()
    (tmp_path / "churn" / "mine.txt").write_text("mine")
    with pytest.raises(AnswerError, match="is there already"):
        make_project(answers(), tmp_path)
    assert [path.name for path in (tmp_path / "churn").iterdir()] == ["mine.txt"]


def test_a_failure_half_way_leaves_nothing(answers, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("airflow_mlkit.scaffold.new_project.shutil.copyfile", fail)
    with pytest.raises(AnswerError, match="No space"):
        make_project(answers(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_output_folder_that_cannot_be_made_is_said(answers, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(AnswerError, match="no project can be made"):
        make_project(answers(), tmp_path / "file" / "work")
