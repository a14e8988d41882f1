"""Which names a project may have."""

import pytest

from airflow_mlkit.exceptions import AnswerError
from airflow_mlkit.scaffold.names import check_name, suggest_name


@pytest.mark.parametrize("name", ["churn", "card-fraud", "model-2", "a" * 50])
def test_a_plain_name_is_taken(name):
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "../x",
        "/etc",
        'a"b',
        "a'b",
        "a\nb",
        "Größe",
        "{{ 7 * 7 }}",
        "; rm -rf",
        "a" * 51,
        "9lives",
        "a--b",
        "-a",
    ],
)
def test_a_name_of_the_wrong_form_is_refused_with_one_that_is_right(name):
    check_refusal(name)


@pytest.mark.parametrize(
    "name", ["Churn", "card_fraud", "class", "match", "json", "xgboost", "airflow-mlkit", "data", "tests", "workflow"]
)
def test_a_name_that_python_or_the_project_has_already_is_refused_with_a_free_one(name):
    check_refusal(name)


def check_refusal(name):
    with pytest.raises(AnswerError) as refused:
        check_name(name)
    suggested = refused.value.hint.rpartition("--name ")[2]
    assert check_name(suggested) == suggested


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Telco Customer Churn", "telco-customer-churn"),
        ("Größe & Co", "grosse-co"),
        ("2024_sales", "sales"),
        ("日本", "my-model"),
    ],
)
def test_a_name_is_suggested_from_any_text(text, name):
    assert suggest_name(text) == name
