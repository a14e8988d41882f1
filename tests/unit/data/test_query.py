from __future__ import annotations

import pytest

from airflow_mlkit.data.query import bind_parameters
from airflow_mlkit.exceptions import UserError

BOUND = "(current_setting('mlkit.as_of')::timestamptz)"


@pytest.mark.parametrize(
    "text",
    [
        "select '12:30'::time",
        "select 'it''s :as_of'",
        r"select E'it\'s :as_of'",
        'select ":as_of" from t',
        "select 1 -- :as_of",
        "select 1 /* :as_of\n */",
        "select $$ :as_of $$, $tag$ :as_of $$ $tag$",
        "select a::as_of from t",
        "select a[1:n] from t",
        "select a[i:j] from t",
    ],
)
def test_what_only_looks_like_a_parameter_stays(text):
    query = bind_parameters("q.sql", text)
    assert (query.text, query.uses_as_of) == (f"{text}\n", False)


def test_the_parameter_is_replaced_wherever_it_stands():
    query = bind_parameters("q.sql", "select * from t where a<:as_of and b>(:as_of::date) ;\n")
    assert query.text == f"select * from t where a<{BOUND} and b>({BOUND}::date)\n"
    assert query.uses_as_of


def test_another_parameter_is_refused_with_its_line():
    with pytest.raises(UserError, match=r"q.sql:2 has the parameter :as_off; did you mean as_of\?"):
        bind_parameters("q.sql", "select 1\nwhere a < :as_off")


@pytest.mark.parametrize("end", [";", " ; -- done", ";;\n/* done */\n"])
def test_a_semicolon_at_the_end_is_left_out(end):
    assert ";" not in bind_parameters("q.sql", f"select 1{end}").text
    assert ";" in bind_parameters("q.sql", "select ';' -- a;\n").text
