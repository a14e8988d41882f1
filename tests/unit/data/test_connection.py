from __future__ import annotations

import json

import pytest

from airflow_mlkit.data.connection import find_connection
from airflow_mlkit.exceptions import SourceError

SECRET = "p@s/s:%41 ü"
QUOTED = "p%40s%2Fs%3A%2541%20%C3%BC"
FIELDS = {"conn_type": "postgres", "login": "me", "password": SECRET, "host": "db", "port": 5433, "schema": "shop"}


@pytest.mark.parametrize(
    "text",
    [
        f"postgres://me:{QUOTED}@db:5433/shop?sslmode=require",
        f"postgresql://me:{QUOTED}@db:5433/shop?__extra__=%7B%22sslmode%22%3A+%22require%22%7D",
        json.dumps({**FIELDS, "extra": {"sslmode": "require", "cursor": "dict"}}),
        json.dumps({**FIELDS, "port": "5433", "extra": '{"sslmode": "require"}'}),
    ],
)
def test_each_form_of_airflow_gives_the_same_address(text):
    connection = find_connection("warehouse", {"AIRFLOW_CONN_WAREHOUSE": text})
    assert connection.uri == f"postgresql://me:{QUOTED}@db:5433/shop?connect_timeout=10&sslmode=require"
    assert SECRET not in repr(connection)
    assert connection.shown == "me@db:5433/shop"
    assert connection.scrub(f"no {QUOTED} and no {SECRET}") == "no *** and no ***"


def test_a_socket_folder_and_a_missing_part_are_kept():
    assert find_connection("w", {"AIRFLOW_CONN_W": "postgres://%2Frun%2Fpg/shop"}).uri.startswith(
        "postgresql://%2Frun%2Fpg/shop?"
    )
    assert find_connection("w", {"AIRFLOW_CONN_W": "postgres://"}).uri == "postgresql:///?connect_timeout=10"


def test_a_connection_that_is_not_set_names_the_variable_and_the_nearest():
    with pytest.raises(SourceError, match=r"AIRFLOW_CONN_WARE_HOUSE is not set; did you mean warehouse\?"):
        find_connection("ware-house", {"AIRFLOW_CONN_WAREHOUSE": "postgres://"})
