"""Queries against a real PostgreSQL, through the whole step."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

pytestmark = pytest.mark.needs("postgresql")

SOURCE = {"source": {"sql": "queries/q.sql", "connection": "my-warehouse"}}
AS_OF = datetime(2026, 1, 31, tzinfo=UTC)
VALUES = "(values (1.5::numeric, 'Zürich', 'no'), (null, null, 'yes'), (3, 'x''y', 'no'))"
ROWS = f"select * from {VALUES} v(amount, city, fraud)"


@pytest.fixture
def query(extract, postgresql, monkeypatch):
    """Run extract on a query. The connection is set as Airflow's operator sets it."""
    monkeypatch.setenv("AIRFLOW_CONN_MY-WAREHOUSE", postgresql.uri)

    def run(text: str, data=None, **options):
        return extract({**SOURCE, **(data or {})}, files={"queries/q.sql": text}, **options)

    return run


def test_a_query_is_the_same_snapshot_as_a_file_with_its_rows(query, extract):
    data = {"features": ["amount", "city"]}
    got = query(f"{ROWS}; -- and a last word", data)
    assert got.rows[0] == {"amount": 1.5, "city": "Zürich", "fraud": "no"}
    assert (
        got.content_hash
        == extract(data, files={"a.csv": "amount,city,fraud\n1.5,Zürich,no\n,,yes\n3,x'y,no\n"}).content_hash
    )


def test_the_types_of_postgresql_become_those_of_a_snapshot(query):
    words = {
        "integer": "7::smallint",
        "number": "1.25::real",
        "n": "'NaN'::numeric",
        "boolean": "true",
        "text": "'a'::varchar",
        "date": "date '2026-01-31'",
        "utc": "timestamptz '2026-01-31 12:00+02'",
        "naive": "timestamp '2026-01-31 12:00'",
        "id": "'3f2504e0-4f89-11d3-9a0c-0305e82c3301'::uuid",
        "nothing": "null",
    }
    text = ", ".join(f'{expression} "{name}"' for name, expression in words.items())
    got = query(f"select {text}, 'no' fraud", {"features": list(words)})
    row = got.rows[0]
    assert (row["integer"], row["number"], row["n"], row["boolean"]) == (7, 1.25, None, True)
    assert row["utc"] == datetime(2026, 1, 31, 10, tzinfo=UTC)
    assert (row["naive"], row["date"]) == (datetime(2026, 1, 31, 12), datetime(2026, 1, 31))
    assert row["id"] == "3f2504e0-4f89-11d3-9a0c-0305e82c3301"


def test_as_of_is_bound_and_only_where_it_is_a_parameter(query):
    text = """
    -- :as_of in a comment
    select extract(day from :as_of::date)::int amount, '12:30 :as_of' "x:as_of", $$:as_of$$ fraud /* :as_of */
    where timestamptz '2026-01-30' < :as_of
    """
    got = query(text, as_of=AS_OF)
    assert got.rows == [{"amount": 31, "fraud": ":as_of"}]
    assert ":as_of is 2026-01-31T00:00:00+00:00" in got.log
    missing = query(text)
    assert "queries/q.sql uses :as_of, and this run has none" in missing.reason
    assert missing.record.exit_code == 2


def test_many_rows_are_streamed_and_batches_do_not_count(query, extract):
    got = query("select i::float8 amount, 'n' || i % 7 fraud from generate_series(1, 200000) i order by i")
    text = "amount,fraud\n" + "".join(f"{i},n{i % 7}\n" for i in range(1, 200_001))
    assert got.content_hash == extract({"types": {"amount": "number"}}, files={"a.csv": text}).content_hash


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("selec 1", 'syntax error at or near "selec"'),
        ("select 1 amount from nowhere", 'relation "nowhere" does not exist'),
        ("select 1/(90000 - i) amount, 'no' fraud from generate_series(1, 100000) i", "division by zero"),
        ("select 1 amount, 'no' fraud where false", "queries/q.sql has no rows"),
        ("select 1 amont, 'no' fraud", "queries/q.sql has no column 'amount'; did you mean amont?"),
        ("select 1 amount, 2 amount, 'no' fraud", "2 columns named 'amount'"),
        ("create table kept (a int)", "read-only transaction"),
        ("select 1 amount, 'no' fraud; drop table kept", "multiple commands"),
        ("select interval '1 day' amount, 'no' fraud", "column amount of queries/q.sql holds"),
        ("select 'x' amount, :since fraud", "queries/q.sql:1 has the parameter :since"),
        ("  ;\n", "queries/q.sql is empty"),
        ("select 'abc' amount, 'no' fraud", "row 1 of queries/q.sql, column amount: 'abc' is no number"),
        ("select 'Infinity'::float8 amount, 'no' fraud", "row 1 of queries/q.sql, column amount: inf is infinite"),
    ],
)
def test_a_query_that_fails_is_a_sentence_of_the_database(query, text, said):
    got = query(text, {"types": {"amount": "number"}})
    assert said in got.reason
    assert "Traceback" not in got.log


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda uri: uri.replace(":p%40ss", ":wr0ng-secret"), "password authentication failed"),
        (lambda uri: uri.replace("/postgres", "/nowhere"), 'database "nowhere" does not exist'),
        (lambda uri: uri.rpartition(":")[0] + ":1/postgres", "Connection refused"),
        (lambda uri: "mysql://u:wr0ng-secret@h/d", "is of the type 'mysql'"),
        (lambda uri: "postgresql://u:wr0ng-secret@h:port/d", "is neither a connection's URI nor its JSON"),
        (lambda uri: '{"conn_type": "postgres", wr0ng-secret', "is neither a connection's URI nor its JSON"),
        (lambda uri: "", "AIRFLOW_CONN_MY_WAREHOUSE is not set"),
    ],
)
def test_a_connection_that_fails_is_a_sentence_without_the_password(
    query, postgresql, monkeypatch, change, said, capsys
):
    monkeypatch.setenv("AIRFLOW_CONN_MY-WAREHOUSE", change(postgresql.uri))
    got = query("select 1 amount, 'no' fraud")
    assert said in got.reason
    everything = got.reason + got.log + "".join(capsys.readouterr())
    for secret in ("wr0ng-secret", postgresql.password, quote(postgresql.password, safe="")):
        assert secret not in everything
    assert "Traceback" not in got.log


def test_a_connection_may_be_json_and_its_variable_written_with_underscores(query, postgresql, monkeypatch):
    fields = {"conn_type": "postgres", "host": postgresql.host, "port": postgresql.port, "schema": "postgres"}
    fields |= {"login": postgresql.user, "password": postgresql.password, "extra": {"sslmode": "prefer", "cursor": "x"}}
    monkeypatch.delenv("AIRFLOW_CONN_MY-WAREHOUSE")
    monkeypatch.setenv("AIRFLOW_CONN_MY_WAREHOUSE", json.dumps(fields))
    assert query("select 1 amount, 'no' fraud").rows == [{"amount": 1, "fraud": "no"}]
