"""A data file that the tests make themselves, and projects made from it."""

import csv
import random
from pathlib import Path

import pytest

from airflow_mlkit.scaffold.answers import Answers, Approval, Pattern
from airflow_mlkit.scaffold.new_project import make_project

HEADER = ["customerID", "plan", "tenure", "monthly", "total", "region", "churned"]


def make_rows(rows=600, seed=0):
    """Customers; who pays a lot and came lately leaves."""
    chance = random.Random(seed)
    found = []
    for row in range(rows):
        plan, tenure = chance.choice(["basic", "plus", "pro"]), chance.randint(0, 72)
        monthly = round(chance.uniform(20, 110), 2)
        total = "" if tenure == 0 else round(tenure * monthly * chance.uniform(0.9, 1.1), 2)
        churned = "Yes" if monthly / 110 - tenure / 72 + chance.gauss(0, 0.3) > 0.3 else "No"
        found.append([f"C-{row:05}", plan, tenure, monthly, total, chance.choice(["north", "south"]), churned])
    return found


def write_csv(path, rows, header=HEADER):
    """Write a csv file and return its path."""
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows] if header else rows)
    return Path(path)


@pytest.fixture(scope="session")
def customers(tmp_path_factory):
    """The customers as a csv file."""
    return write_csv(tmp_path_factory.mktemp("source") / "customers.csv", make_rows())


@pytest.fixture
def answers(customers):
    """Answers by keyword, each with something that works."""

    def make(**given):
        defaults = {
            "name": "churn",
            "predicts": "Who leaves next month",
            "owner": "team@example.com",
            "data": str(customers),
            "label": "churned",
            "pattern": Pattern.BATCH,
            "approval": Approval.NONE,
        }
        return Answers(**{**defaults, **given})

    return make


@pytest.fixture
def project(answers, tmp_path):
    """The folder of an ordinary new project."""
    return make_project(answers(), tmp_path / "work").folder
