"""What the loader answers to files that people really write."""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from airflow_mlkit.exceptions import SpecError
from airflow_mlkit.spec import PipelineSpec, load_spec
from airflow_mlkit.spec.load import MAX_BYTES

EXAMPLE = """\
apiVersion: mlkit/v1
name: card-fraud
owner: risk-ml@example.com
description: Finds fraudulent card payments
pattern: batch
data:
  source: {path: data/payments.parquet}
  date_column: created_at
  features: [charge_type, charge_amount, charge_country, cards_24h]
  label: has_fraud_dispute
  types: {charge_amount: number}
  label_matures_after: 45d
  fresh_within: 2d
  filters:
    - {feature: charge_country, predicate: IsIn, values: [US, CA]}
    - {feature: created_at, predicate: GtEq, value: 2018-01-01}
  holdout: {sampling: date_range, start: 2018-10-01, end: 2019-01-01}
validate: {suite: expectations/payments.json}
problem: {kind: binary, positive: true}
train:
  schedule: {cron: "@weekly"}
  workflow: card_fraud.workflow:CardFraud
  params: {max_depth: 6, n_estimators: 500}
  size: cpu-small
  sizes: {validate: cpu-large}
  seed: 0
  min_examples: 500
evaluate: {slices: [charge_country], groups: account_id}
gates:
  - {metric: roc_auc, at_least: 0.90}
  - {metric: roc_auc, against: champion, margin: 0.01, confidence: 0.99}
  - {rows: holdout, at_least: 500}
promote: {approval: none}
predict:
  schedule: {cron: "@daily"}
  source: {path: data/open/*.parquet}
  output: {path: scores/, key: payment_id}
retention: {runs: 90d, snapshots: 30d}
"""


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "mlkit.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def problems(path: Path) -> list[str]:
    """What is wrong, without the name of the file."""
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    assert all(problem.startswith(f"{path}:") for problem in caught.value.problems)
    return [problem.removeprefix(f"{path}:") for problem in caught.value.problems]


def change(old: str, new: str) -> str:
    assert old in EXAMPLE
    return EXAMPLE.replace(old, new, 1)


def test_the_example_of_the_design_is_read(tmp_path: Path) -> None:
    spec = load_spec(write(tmp_path, EXAMPLE))
    assert spec.data.label_matures_after == timedelta(days=45)
    assert spec.data.filters[1].value == date(2018, 1, 1)
    assert [type(gate).__name__ for gate in spec.gates] == ["MetricGate", "ChampionGate", "RowsGate"]
    assert spec.package == "card_fraud"


@pytest.mark.parametrize(
    ("old", "new", "answer"),
    [
        ("owner:", "ownr:", "3 ownr: unknown key; did you mean owner?"),
        ("  label: has", "  lable: has", "10 data.lable: unknown key; did you mean label?"),
        ("{path: data/p", "{pth: data/p", "7 data.source.pth: unknown key; did you mean path?"),
        ("at_least: 0.90", "atleast: 0.90", "30 gates[0].atleast: unknown key; did you mean at_least?"),
        (
            "metric: roc_auc, at",
            "metric: rocauc, at",
            "30 gates[0].metric: unknown metric 'rocauc'; did you mean roc_auc?",
        ),
        (
            "predicate: IsIn,",
            "predicate: isin,",
            "15 data.filters[0].predicate: 'isin' is not known; did you mean IsIn?",
        ),
        ("sampling: date_range", "sampling: hsh", "17 data.holdout.sampling: 'hsh' is not known; did you mean hash?"),
        ("kind: binary, positive: true", "kind: binry", "19 problem.kind: 'binry' is not known; did you mean binary?"),
        (
            "kind: binary, positive: true",
            "positive: true",
            "19 problem.kind: is missing; write one of binary, multiclass",
        ),
        (
            "{validate: cpu-large}",
            "{valdate: cpu-large}",
            "25 train.sizes.valdate: 'valdate' is not known; did you mean valid",
        ),
        ("validate: {suite", "validation: {suite", "18 validation: unknown key; did you mean validate?"),
        ("mlkit/v1", "mlkit/v2", "1 apiVersion: 'mlkit/v2' is not known; did you mean mlkit/v1?"),
        ("min_examples: 500", "min_examples: zero", "27 train.min_examples: 'zero' is no whole number; write digits"),
        ("seed: 0", "seed: true", "26 train.seed: true is no whole number; write digits, such as 500"),
        ("seed: 0", "seed: -1", "26 train.seed: -1 is too small; write at least 0"),
        ("at_least: 0.90", "at_least: .nan", "30 gates[0].at_least: nan is no finite number"),
        ("max_depth: 6", "max_depth: .inf", "23 train.params: max_depth: inf is no finite number"),
        ("45d", "45 days", "12 data.label_matures_after: '45 days' is no duration; write a number and a unit"),
        ("2018-10-01", "first of may", "17 data.holdout.start: 'first of may' is no date; write it as 2018-10-01"),
        ("2018-10-01", "2019-10-01", "17 data.holdout.start: 2019-10-01 is not before end, 2019-01-01"),
        ("@weekly", "weekly", "21 train.schedule.cron: 'weekly' is no cron expression; write one of @hourly"),
        (
            "card_fraud.workflow:C",
            "card_fraud.workflow.C",
            "22 train.workflow: 'card_fraud.workflow.CardFraud' names no",
        ),
        (
            "{suite: expectations/payments.json}",
            "suite.json",
            "18 validate: 'suite.json' is no mapping; write key: value",
        ),
        ("owner: risk-ml@example.com", "owner: 12", '3 owner: 12 is no text; write it in quotes, such as "2018"'),
        ("types: {charge_amount", "types: {amount", "11 data.types.amount: no column that is used is called 'amount'"),
        ("cards_24h]", "charge_type]", "9 data.features[3]: 'charge_type' stands here twice; keep one"),
        ("cards_24h]", "has_fraud_dispute]", "9 data.features[3]: 'has_fraud_dispute' is the label; a model that sees"),
        ("  date_column: created_at\n", "", "11 data.label_matures_after: needs data.date_column; name the column"),
        (
            "[charge_country]",
            "[charge_country, charge_country]",
            "28 evaluate.slices[1]: 'charge_country' is cut twice",
        ),
        ("[charge_country]", "[7]", "28 evaluate.slices[0]: 7 is no slice; write a column's name, or {column: amount"),
        (
            "[charge_country]",
            "[{column: charge_amount, range: [1]}]",
            "28 evaluate.slices[0].range: unknown key; did you mean ranges?",
        ),
        (
            "[charge_country]",
            "[{column: charge_amount, ranges: [10, 5]}]",
            "28 evaluate.slices[0].ranges[1]: 5 is not above 10, which stands before it; write edges upwards",
        ),
        (
            "[charge_country]",
            "[{column: charge_amount, ranges: [.inf]}]",
            "28 evaluate.slices[0].ranges[0]: inf is no edge; the outermost ranges are open already",
        ),
        (
            "[charge_country]",
            "[{column: charge_amount, ranges: [1, 2026-01-01]}]",
            "28 evaluate.slices[0].ranges: mixes numbers and dates; write one kind",
        ),
        (
            "[charge_country]",
            "[{column: charge_amount, ranges: [low]}]",
            "28 evaluate.slices[0].ranges[0]: 'low' is no edge of a range; write a number such as 100, or a date",
        ),
        (
            "[charge_country]",
            "[{column: created_at, ranges: [1, 2]}]",
            "28 evaluate.slices[0].ranges: are numbers, and created_at is a date column; write dates",
        ),
        ("groups: account_id", "quantile: 0.9", "28 evaluate.quantile: belongs to a regression; take it out"),
        ("groups: account_id", "costs: {mis: 5}", "28 evaluate.costs.mis: unknown key; did you mean miss?"),
        ("groups: account_id", "costs: {miss: [5]}", "28 evaluate.costs.miss: [5] is neither an amount nor a column"),
        ("{metric: roc_auc, at", "{metric: value, at", "30 gates[0].metric: value needs evaluate.costs; write what it"),
        (
            "pattern: batch",
            "pattern: live",
            "34 predict: belongs to pattern: batch; take it out, or write pattern: batch",
        ),
        (
            "{metric: roc_auc, at",
            "{metric: rmse, at",
            "30 gates[0].metric: rmse is not defined for a binary problem; take",
        ),
        (
            "{approval: none}",
            "{approval: person}",
            "33 promote.ask: is missing; write it: users of Airflow who",
        ),
    ],
)
def test_a_mistake_is_answered_with_its_line_its_path_and_what_to_write(
    tmp_path: Path, old: str, new: str, answer: str
) -> None:
    found = problems(write(tmp_path, change(old, new)))
    assert any(problem.startswith(answer) for problem in found), found


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = change("pattern: batch", "pattern: batc")
    for old, new in [("fresh_within: 2d", "fresh_within: 2"), ("seed: 0", "seed: x"), ("rows: holdout", "rows: all")]:
        text = text.replace(old, new, 1)
    assert [problem.split(":")[0] for problem in problems(write(tmp_path, text))] == [
        "5 pattern",
        "13 data.fresh_within",
        "26 train.seed",
        "32 gates[2].rows",
    ]


BOMB = "a: &a [x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: [*b, *b, *b, *b, *b, *b, *b, *b, *b]\n"


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        ("", "1 the file is empty; it begins with apiVersion: mlkit/v1"),
        ("# nothing yet\n", "1 the file is empty"),
        ("- a\n- b\n", "1 the file is a list; it begins with apiVersion: mlkit/v1"),
        ("just a text", "1 the file is a text"),
        (BOMB, "1 anchors and aliases (& and *) are not used here"),
        ("a: &a {x: 1}\n<<: *a\n", "1 anchors and aliases"),
        ("a: 1\n<<: {b: 2}\n", "2 a key is a plain word here"),
        ("? [a]\n: b\n", "1 a key is a plain word here"),
        ("name: a\n\towner: b\n", "2 "),
        ("data:\n\tsource: b\n", "2 there is a tab; YAML is indented with spaces"),
        ("name: a\nowner: c\nname: b\n", "3 the key name stands here twice, first on line 1; keep one"),
        ("name: [a\n", "2 is no YAML here: "),
        ("name: a\n---\nname: b\n", "2 is no YAML here: "),
        ("name: !!python/object:os.system x\n", "1 '"),
        ("name: !foo {a: 1}\n", "1 tags such as !name are not used here"),
        ("name: a\nday: 2018-13-45\n", "2 '2018-13-45' cannot be read (month must be in 1..12); put it in quotes"),
        ("seed: " + "9" * 5000, "1 '999"),
        ("[" * 5000, "1 is nested too deeply"),
        (b"\xff\xfea\x00:\x00", "1 is not UTF-8; save the file as UTF-8"),
        ("name: a\nowner: café\n".encode("latin-1"), "2 is not UTF-8"),
        (b"name: a\x00b\n", "1 holds a character that no text has"),
        (bytes(range(256)) * 4, "2 is not UTF-8"),
        (b"#" * (MAX_BYTES + 1), "1 is larger than 256 KiB"),
    ],
    ids=lambda value: repr(value[:20]) if isinstance(value, str | bytes) else None,
)
def test_a_file_that_is_no_spec_is_refused_in_a_sentence(tmp_path: Path, content: str | bytes, answer: str) -> None:
    found = problems(write(tmp_path, content))
    assert found[0].startswith(answer), found
    assert all(len(problem) < 300 and "\n" not in problem for problem in found)


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    assert problems(tmp_path) == ["1 is a folder, not a file"]
    with pytest.raises(SpecError, match=r"is not there\nmlkit new makes a project"):
        load_spec(tmp_path / "nowhere.yaml")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert problems(tmp_path / "pipe") == ["1 is no ordinary file"]


HOSTILE = ["card fraud", "'; drop", "a\nb", "über", "../x", "{{ x }}", "; rm -rf /", "", "-a", "a--b", "a" * 51, "A"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_could_do_harm_is_refused(tmp_path: Path, name: str) -> None:
    quoted = '"' + name.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"') + '"'
    found = problems(write(tmp_path, change("name: card-fraud", f"name: {quoted}")))
    assert len(found) == 1
    assert found[0].startswith("2 name: ")
    assert "\n" not in found[0]


def test_a_name_nearly_right_is_answered_with_the_right_one(tmp_path: Path) -> None:
    (found,) = problems(write(tmp_path, change("name: card-fraud", "name: Card Fraud (EU)")))
    assert found.endswith("such as card-fraud-eu")


@pytest.mark.parametrize(
    "column", ["a b", "O'Brien", 'say "x"', "naïve", "../../etc", "{{ ds }}", "; rm -rf /", "<b>", "$(x)"]
)
def test_a_column_may_be_called_anything_the_data_calls_it(tmp_path: Path, column: str) -> None:
    quoted = "'" + column.replace("'", "''") + "'"
    spec = load_spec(write(tmp_path, change("cards_24h]", f"{quoted}]")))
    assert spec.data.features[-1] == column


def test_yes_is_a_text_as_in_the_data(tmp_path: Path) -> None:
    """YAML 1.2: only true and false are booleans, and a label column full of Yes and No is text."""
    spec = load_spec(write(tmp_path, change("positive: true", "positive: Yes")))
    assert spec.problem.positive == "Yes"


@pytest.mark.parametrize(("written", "value"), [("1", 1), ('"1"', "1"), ("1.0", 1.0), ("true", True), ("no", "no")])
def test_the_positive_class_keeps_its_type(tmp_path: Path, written: str, value: Any) -> None:
    positive = load_spec(write(tmp_path, change("positive: true", f"positive: {written}"))).problem.positive
    assert (positive, type(positive)) == (value, type(value))


@pytest.mark.parametrize("key", ["account_id", "[account_id, month]"])
def test_a_key_is_one_column_or_several(tmp_path: Path, key: str) -> None:
    text = change("{sampling: date_range, start: 2018-10-01, end: 2019-01-01}", f"{{sampling: hash, key: {key}}}")
    assert load_spec(write(tmp_path, text)).data.holdout.key_columns[0] == "account_id"


def test_what_is_dumped_is_read_as_the_same(tmp_path: Path) -> None:
    spec = load_spec(write(tmp_path, EXAMPLE))
    with (tmp_path / "again.yaml").open("w") as file:
        YAML(typ="safe").dump(_plain(spec.model_dump(by_alias=True)), file)
    assert load_spec(tmp_path / "again.yaml") == spec


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


_KEYS = st.sampled_from(
    [*PipelineSpec.model_fields, "validate", "path", "kind", "metric", "sampling", "", "x", "[key]"]
)
_LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.dates(), st.binary(max_size=4)
)
_VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4), max_leaves=12
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk=st.dictionaries(_KEYS, _VALUES, max_size=6))
def test_any_mapping_is_a_spec_or_is_refused_with_a_line(tmp_path: Path, junk: dict[str, Any]) -> None:
    base: dict[str, Any] = YAML(typ="safe").load(EXAMPLE)
    path = tmp_path / "mlkit.yaml"
    for content in (junk, base | junk):
        with path.open("w") as file:
            YAML(typ="safe").dump(content, file)
        try:
            load_spec(path)
        except SpecError as error:
            assert all(problem.startswith(f"{path}:") for problem in error.problems)  # noqa: PT017
