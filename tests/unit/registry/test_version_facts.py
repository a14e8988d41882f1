"""What a version tells of itself survives as tags, whatever stands in it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from airflow_mlkit.registry.provenance import GitState, Provenance
from airflow_mlkit.registry.version_facts import IN_FILE, MAX_TAG, VersionFacts
from airflow_mlkit.rundir import Approval
from airflow_mlkit.spec.run_parameters import RunParameters
from tests.challengers import build_challenger, report_against

IMAGE = "registry.example.com/cards@sha256:" + "0" * 64


@pytest.fixture
def facts(tmp_path: Path) -> VersionFacts:
    approval = Approval(answer="yes", at=datetime(2026, 1, 2, tzinfo=UTC), by="bo", why='"fine"\n<b>')
    challenger = build_challenger(
        tmp_path,
        80,
        owner='["risk"] {team}',
        pattern="live",
        features=("a'b", "c,d", "é\n"),
        label="[label]",
        seed=0,
        threads=2,
        parameters=RunParameters(params={"depth": 4}),
        libraries={"python": "3.11.7"},
        provenance=Provenance(
            git=GitState("abc", clean=False),
            image=IMAGE,
            source={"sql": "q.sql", "connection": "warehouse", "query_hash": "12"},
            distributions={"numpy": "2.4.6"},
        ),
        approval=approval,
    )
    return VersionFacts.of(challenger, report_against(None, challenger))


def test_tags_give_back_what_was_put_into_them(facts: VersionFacts) -> None:
    only_in_the_file = {"params": {}, "metrics": {}, "distributions": {}}
    assert VersionFacts.from_tags(facts.to_tags()) == facts.model_copy(update=only_in_the_file)
    assert VersionFacts.model_validate_json(facts.model_dump_json()) == facts
    assert (facts.approved_by, facts.image, facts.git_clean) == ("bo", IMAGE, False)
    assert facts.to_tags()["mlkit.features"] == '["a\'b", "c,d", "é\\n"]'
    assert facts.to_tags()["mlkit.git_clean"] == "false"


def test_what_is_too_long_for_a_tag_is_said_to_be_in_the_file(facts: VersionFacts) -> None:
    many = facts.model_copy(update={"features": tuple(f"feature_{n}" for n in range(2000))})
    tags = many.to_tags()
    assert tags["mlkit.features"] == IN_FILE
    assert max(map(len, tags.values())) <= MAX_TAG
    assert VersionFacts.from_tags(tags).features == ()
    assert VersionFacts.list_in_file(tags) == ["features"]


def test_tags_that_somebody_spoilt_are_left_out(facts: VersionFacts) -> None:
    spoilt = facts.to_tags() | {"mlkit.features": "[1, {", "mlkit.as_of": "soon", "mlkit.seed": "x", "other": "{"}
    read = VersionFacts.from_tags(spoilt)
    assert (read.features, read.as_of, read.seed) == ((), None, None)
    assert read.label == "[label]"
    assert VersionFacts.from_tags({}) == VersionFacts()
