"""libyaml's reading of a document means what ruamel.yaml's does."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml.error import YAMLError

from airflow_mlkit.spec.compose import compose, new_yaml

_ROOT = Path(__file__).parents[3]

SCALARS = [
    *("yes", "No", "on", "true", "False", "null", "~", "", "012", "0o14", "0x1F", "1_000", "1e3", "1.5", ".inf"),
    *("12:30", "1:2:3", "2026-01-31", "2026-01-31 10:00:00", "'yes'", '"1"', "a: b", "x # y", "- a", "{a: 1}"),
    *("[1, 2]", "&a 1", "*a", "!t 1", "!!str 1", "| \n  text", "<<", "=", "%", "\t", "\u2028", "\x85", "\x07", "é"),
    '"\\/"',
]

TEXT = st.text(st.sampled_from([*string.printable, "é", "\u2028", "\x85", "\ufeff"]), max_size=40)


def read(load: Any, text: str) -> Any:
    """What it means, or that it is refused."""
    try:
        root = load(text)
        return None if root is None else repr(new_yaml().constructor.construct_document(root))
    except (YAMLError, ValueError, TypeError, AssertionError):
        return "refused"


@pytest.mark.parametrize("scalar", SCALARS)
def test_a_value_means_the_same(scalar: str) -> None:
    for text in (f"key: {scalar}\n", f"- {scalar}\n", f"{{a: [{scalar}]}}\n"):
        assert read(compose, text) == read(new_yaml().compose, text)


@given(
    st.recursive(
        TEXT | st.integers() | st.none() | st.booleans(), lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner)
    )
)
def test_a_json_document_means_the_same(value: Any) -> None:
    text = json.dumps(value)
    assert read(compose, text) == read(new_yaml().compose, text)


@given(TEXT)
@example("%YAML 1.1\n---\na: yes\n")
@example("a: 1\n---\nb: 2\n")
def test_any_text_means_the_same_or_is_refused_by_both(text: str) -> None:
    assert read(compose, text) == read(new_yaml().compose, text)


def test_the_lines_are_the_same() -> None:
    text = "\n# a comment\nname: x\n\ndata:\n  - {a: 1,\n     b: 2}\n"
    assert _lines(compose(text)) == _lines(new_yaml().compose(text))


def _lines(node: Any) -> Any:
    inner = node.value if isinstance(node.value, list) else []
    children = [child for each in inner for child in (each if isinstance(each, tuple) else (each,))]
    return node.start_mark.line, [_lines(child) for child in children]
