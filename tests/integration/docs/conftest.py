"""What the pages take for granted: customers in a csv, and payments in a PostgreSQL."""

from __future__ import annotations

import csv
import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def churn(tmp_path: Path) -> Path:
    """A folder with churn.csv in it, as a newcomer has it."""
    chance = random.Random(7)
    with (tmp_path / "churn.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["customerID", "tenure", "Contract", "MonthlyCharges", "TotalCharges", "Churn"])
        for row in range(800):
            tenure, monthly = chance.randint(0, 72), round(chance.uniform(20, 110), 2)
            leaves = monthly / 110 - tenure / 72 + chance.gauss(0, 0.3) > 0.2
            total = round(tenure * monthly * chance.uniform(0.9, 1.1), 2)
            contract = chance.choice(["Month-to-month", "One year"])
            rows.writerow([f"C-{row:04}", tenure, contract, monthly, total, "Yes" if leaves else "No"])
    return tmp_path


@pytest.fixture
def warehouse(tmp_path: Path, postgresql: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with payments.csv in it, an export of the table `payments` of the connection `warehouse`."""
    chance = random.Random(7)
    rows = []
    for row in range(900):
        amount, country = round(chance.uniform(1, 400), 2), chance.choice(["US", "CA", "FR"])
        fraud = amount / 400 + (country == "FR") * 0.4 + chance.gauss(0, 0.2) > 1
        rows.append((f"P-{row:04}", date(2026, 1, 1) + timedelta(days=row // 10), amount, country, fraud))
    names = ("payment_id", "created_at", "amount", "country", "has_fraud_dispute")
    with (tmp_path / "payments.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([names, *rows])
    values = ", ".join(
        f"('{key}', '{day}', {amount}, '{country}', {fraud})" for key, day, amount, country, fraud in rows
    )
    postgresql.execute(
        "drop table if exists payments",
        "create table payments (payment_id text, created_at date, amount float, country text, has_fraud_dispute bool)",
        f"insert into payments values {values}",
    )
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", postgresql.uri)
    return tmp_path
