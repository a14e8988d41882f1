"""The demo's data: the toy table of Stripe's talk, made day by day, with a fraud pattern that drifts.

Amount, card country and the number of countries a card was used from in 24 hours, and whether the payment was fraud.
Each day is made from its own seed, so that a longer stretch holds the shorter one unchanged.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

PAYMENTS_A_DAY = 150
COUNTRIES = ("US", "GB", "DE", "FR", "BR", "IN", "NG")
SHARES = (0.42, 0.16, 0.13, 0.11, 0.08, 0.06, 0.04)


def make_payments(days: int, *, first_day: date = date(2026, 6, 1)) -> pa.Table:
    """Payments of a number of days, oldest first.

    Over half a year fraud moves from large amounts to cards that are used from many countries, so that a model of
    spring grows stale by autumn.
    """
    return pa.concat_tables(_make_day(first_day + timedelta(days=number), number) for number in range(days))


def break_amounts(payments: pa.Table, *, last: int) -> pa.Table:
    """The same payments after an upstream change: in the newest `last` rows the amount is missing or negative."""
    amounts = payments["amount"].to_numpy().copy()
    newest = np.arange(len(amounts)) >= len(amounts) - last
    amounts[newest] *= -100
    missing = newest & (np.arange(len(amounts)) % 3 == 0)
    column = pa.array(amounts, mask=missing)
    return payments.set_column(payments.schema.get_field_index("amount"), "amount", column)


def write_payments(payments: pa.Table, path: Path) -> None:
    """Write them as csv, whole or not at all."""
    temporary = path.with_suffix(".tmp")
    pyarrow.csv.write_csv(payments, temporary)
    temporary.replace(path)


def _make_day(day: date, number: int) -> pa.Table:
    random = np.random.default_rng([20260601, number])
    amount = np.round(random.lognormal(3.6, 1.0, PAYMENTS_A_DAY), 2)
    country = random.choice(len(COUNTRIES), PAYMENTS_A_DAY, p=SHARES)
    countries_24h = 1 + random.poisson(0.35, PAYMENTS_A_DAY)
    fraud = random.random(PAYMENTS_A_DAY) < _fraud_probability(amount, country, countries_24h, number)
    seconds = np.sort(random.integers(0, 86_400, PAYMENTS_A_DAY))
    created = np.datetime64(day, "s") + seconds.astype("timedelta64[s]")
    return pa.table(
        {
            "payment_id": [f"py_{number:04d}{row:04d}" for row in range(PAYMENTS_A_DAY)],
            "created_at": pa.array(created),
            "amount": amount,
            "card_country": [COUNTRIES[index] for index in country],
            "countries_24h": countries_24h,
            "fraud": pa.array(fraud),
        }
    )


def _fraud_probability(amount: np.ndarray, country: np.ndarray, countries_24h: np.ndarray, number: int) -> np.ndarray:
    drift = min(number / 180, 1.0)
    by_amount = (1.6 - 1.2 * drift) * (np.log(amount) - 3.6)
    by_countries = (0.7 + 1.3 * drift) * (countries_24h - 1)
    by_country = np.array([0.0, 0.0, -0.3, -0.3, 0.8, 0.4, 1.2])[country]
    probability: np.ndarray = 1 / (1 + np.exp(-(-3.4 + by_amount + by_countries + by_country)))
    return probability
