"""Whom a platform's channels tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_mlkit.exceptions import SpecError
from airflow_mlkit.plan.channels import plan_channels
from airflow_mlkit.spec import PlatformSpec, load_platform

PLATFORM = """\
notify:
  - via: smtp
    owners: {risk-ml: [ana@example.com, leads@example.com], gone@example.com: leads@example.com}
    fallback: platform@example.com
  - via: slack
    events: [failed, promoted]
    environments: [prod, staging]
    owners: {risk-ml: "#risk-ml"}
    fallback: "#ml"
environments:
  staging: {backend: local, runs: /runs, mlflow: "sqlite:///m.db"}
  prod: {backend: local, runs: /runs, mlflow: "sqlite:///m.db"}
"""


def load(folder: Path, text: str) -> PlatformSpec:
    (folder / "platform.yaml").write_text(text)
    return load_platform(folder / "platform.yaml")


@pytest.mark.parametrize(
    ("owner", "mails", "messages"),
    [
        ("risk-ml", ("ana@example.com", "leads@example.com"), ("#risk-ml",)),
        ("bob@example.com", ("bob@example.com",), ("#ml",)),
        ("gone@example.com", ("leads@example.com",), ("#ml",)),
        ("Growth <growth@example.com>", ("platform@example.com",), ("#ml",)),
        ("nobody knows them", ("platform@example.com",), ("#ml",)),
    ],
    ids=["in the table", "an address", "an address in the table", "no plain address", "unknown"],
)
def test_the_owner_decides_who_hears_of_it(tmp_path, owner, mails, messages):
    """The table first, then an address itself, then the fallback: never nobody."""
    mail, slack = plan_channels(load(tmp_path, PLATFORM), "prod", owner)
    assert (mail.to, slack.to) == (mails, messages)
    assert (mail.key, mail.connection, slack.connection) == ("notify[0]", "smtp_default", "slack_api_default")
    assert (mail.events, slack.events) == (("held_back", "failed", "waiting"), ("failed", "promoted"))


def test_nobody_hears_of_what_happens_on_a_laptop_unless_it_is_named(tmp_path):
    """A laptop has no mail server, and what is tried on it wakes nobody up."""
    platform = load(tmp_path, PLATFORM.replace("[prod, staging]", "[laptop]"))
    assert [[channel.via for channel in plan_channels(platform, place, "x")] for place in ("laptop", "prod")] == [
        ["slack"],
        ["smtp"],
    ]


@pytest.mark.parametrize(
    ("channel", "answer"),
    [
        ('{via: slcak, fallback: "#x"}', r":2 notify\[0\]\.via: 'slcak' is not known; did you mean slack\?"),
        ("{via: smtp}", r"notify\[0\]\.fallback: is missing; write it: whom it tells"),
        ("{via: smtp, fallback: []}", r"notify\[0\]\.fallback: is an empty list"),
        ("{via: smtp, fallback: ml}", r"notify\[0\]\.fallback: 'ml' is no mail address"),
        ('{via: smtp, fallback: "a@b.c, d@e.f"}', "is no mail address"),
        ('{via: smtp, fallback: "a@b.c\\nBcc: d@e.f"}', "line break or a control character"),
        ("{via: slack, fallback: ml}", r"is no Slack channel; write \"#risk-ml\" in quotes"),
        ('{via: apprise, fallback: "a b"}', "is no tag of Apprise"),
        ("{via: smtp, fallback: a@b.c, events: [fialed]}", r"events\[0\]: 'fialed' is not known; did you mean failed"),
        ("{via: smtp, fallback: a@b.c, events: []}", "events: is empty"),
        ("{via: smtp, fallback: a@b.c, environments: [lpatop]}", "no environment 'lpatop'; did you mean laptop"),
        ("{via: smtp, fallback: a@b.c}", r"environments: there is no environment but laptop.* write environments: \["),
    ],
)
def test_a_mistake_in_a_channel_is_told_at_its_place(tmp_path, channel, answer):
    with pytest.raises(SpecError, match=answer):
        load(tmp_path, f"notify:\n  - {channel}\n")
