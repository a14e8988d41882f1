"""Values as YAML that reads back the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from airflow_mlkit.scaffold.yaml_text import comment, flow, scalar, wrapped

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


def read(text):
    return YAML(typ="safe", pure=True).load(text)


@given(st.one_of(ANY_TEXT, st.booleans(), st.integers(-(10**9), 10**9), st.floats(-1e9, 1e9)))
def test_a_scalar_reads_back_as_itself(value):
    found = read(f"{{key: {scalar(value)}}}")["key"]
    assert found == value
    assert type(found) is type(value)


@given(st.lists(ANY_TEXT, min_size=1, max_size=30))
def test_a_wrapped_list_reads_back_as_itself(names):
    assert read("key:\n  [" + "\n   ".join(wrapped(names)) + "]")["key"] == names


@given(ANY_TEXT)
def test_nothing_escapes_from_a_comment(text):
    assert read("".join(f"# {line}\n" for line in comment(text)) + "key: 1") == {"key": 1}


@pytest.mark.parametrize(
    ("value", "text"), [("fixed acidity", "fixed acidity"), ("Yes", '"Yes"'), ("1", '"1"'), (1, "1")]
)
def test_plain_where_that_is_safe(value, text):
    assert scalar(value) == text


def test_a_mapping_leaves_out_what_is_none():
    assert flow({"sampling": "hash", "key": None, "fraction": 0.2}) == "{sampling: hash, fraction: 0.2}"
