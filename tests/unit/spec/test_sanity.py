"""The section `sanity` of mlkit.yaml: on by default, switched off or given another limit check by check."""

from __future__ import annotations

from typing import get_args

import jsonschema
import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from airflow_mlkit.spec import json_schema
from airflow_mlkit.spec.sanity import OFF, SanityName, SanitySpec


def read(text: str) -> SanitySpec:
    return SanitySpec.model_validate(YAML(typ="safe").load(text))


def test_every_check_is_on_by_default():
    assert tuple(SanitySpec.model_fields) == get_args(SanityName)
    assert SanitySpec().switched_off == ()


def test_a_check_is_switched_off_or_given_another_limit():
    spec = read("{leak: off, calibration: {at_most: 0.1}, feature_drift: {ignore: [month]}}")
    assert spec.switched_off == ("leak",)
    assert spec.calibration.limit("regression") == 0.1
    assert (spec.feature_drift.at_most, spec.feature_drift.ignore) == (1.0, ("month",))
    assert SanitySpec.model_validate(spec.model_dump(mode="json")) == spec


def test_limits_that_depend_on_the_problem_are_its_own_where_none_is_declared():
    spec = SanitySpec()
    assert [spec.calibration.limit(kind) for kind in ("binary", "multiclass", "regression")] == [0.25, 0.4, 0.5]
    assert [spec.leak.limit(kind) for kind in ("binary", "regression")] == [0.995, 0.999]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{leak: false}", "False is neither off nor a limit; write off, {at_most: 0.95}, or leave the key out"),
        ("{leak: on}", "'on' is neither off nor a limit"),
        ("{row_count: 0.5}", "0.5 is neither off nor a limit; write off, {at_least: 0.8}"),
        ("{calibration: {atmost: 1}}", "unknown key; did you mean at_most?"),
        ("{calibration: {at_most: .nan}}", "nan is no finite number"),
        ("{leak: {at_most: 2}}", "2 is too large; write at most 1"),
        ("{drift: off}", "unknown key"),
        ("{distinct_scores: {at_least: 1}}", "1 is too small; write at least 2"),
    ],
)
def test_what_is_no_limit_is_refused_with_what_to_write(text: str, said: str):
    with pytest.raises(ValidationError) as caught:
        read(text)
    assert said in caught.value.errors()[0]["msg"]


@pytest.mark.parametrize(
    ("text", "fits"),
    [("{leak: off}", True), ("{leak: {at_most: 0.9}}", True), ("{leak: false}", False), ("{drift: off}", False)],
)
def test_editors_know_the_checks(text: str, fits: bool):
    schema = json_schema("pipeline")
    validator = jsonschema.Draft202012Validator({"$ref": "#/$defs/SanitySpec", "$defs": schema["$defs"]})
    assert validator.is_valid(YAML(typ="safe").load(text)) is fits
    assert OFF == "off"
