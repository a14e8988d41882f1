"""Who hears of what: the channels of platform.yaml. A project names no channel; its `owner` decides whom they tell."""

from __future__ import annotations

import re
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, field_validator

from airflow_mlkit.spec.declared import chosen_by_value, one_or_many, shorten
from airflow_mlkit.spec.values import ConnectionId, Declared, Name, Text

Event = Literal["held_back", "failed", "waiting", "promoted"]
"""What people may hear of. A challenger that the holdout could not decide about is held back too, and says so."""

UNLESS_SAID_OTHERWISE: tuple[Event, ...] = ("held_back", "failed", "waiting")

_ADDRESS = re.compile(r"[^\s@,;:<>()\[\]\"\\]+@[^\s@,;:<>()\[\]\"\\]+")
_SLACK = re.compile(r"#[^\s#<>&,]{1,80}|[CDGUW][A-Z0-9]{6,}")
_TAG = re.compile(r"[\w.-]+")


def is_address(text: str) -> bool:
    """Whether a text is one mail address, and nothing beside it."""
    return _ADDRESS.fullmatch(text) is not None


def _check_address(given: str) -> str:
    if not is_address(given):
        raise ValueError(f"{shorten(given)} is no mail address; write one such as risk-ml@example.com")
    return given


def _check_slack(given: str) -> str:
    if not _SLACK.fullmatch(given):
        raise ValueError(
            f'{shorten(given)} is no Slack channel; write "#risk-ml" in quotes, or an id such as C0123ABCD'
        )
    return given


def _check_tag(given: str) -> str:
    if not _TAG.fullmatch(given):
        raise ValueError(f"{shorten(given)} is no tag of Apprise; write letters, digits, and _ . - between them")
    return given


Address = Annotated[Text, AfterValidator(_check_address)]
SlackChannel = Annotated[Text, AfterValidator(_check_slack)]
Tag = Annotated[Text, AfterValidator(_check_tag)]

Addresses = Annotated[Address | tuple[Address, ...], one_or_many(Address)]
SlackChannels = Annotated[SlackChannel | tuple[SlackChannel, ...], one_or_many(SlackChannel)]
Tags = Annotated[Tag | tuple[Tag, ...], one_or_many(Tag)]

_OWNERS = "Whom it tells, by the owner as mlkit.yaml has it."
_FALLBACK = "Whom it tells of projects whose owner it does not know."


class _Channel(Declared):
    events: tuple[Event, ...] = Field(
        UNLESS_SAID_OTHERWISE, min_length=1, description=f"Of what: {', '.join(get_args(Event))}."
    )
    environments: tuple[Name, ...] | None = Field(
        None, min_length=1, description="In which environments; in each but laptop when not given."
    )

    @field_validator("events", "environments")
    @classmethod
    def _each_once(cls, given: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return given and tuple(dict.fromkeys(given))

    def speaks_in(self, environment: str) -> bool:
        """Whether it tells anybody anything in an environment."""
        return environment in self.environments if self.environments else environment != "laptop"


class MailChannel(_Channel):
    """Mails, through Airflow's SMTP provider. An owner that is a mail address need not stand under `owners`."""

    via: Literal["smtp"] = Field(description="Mails, through Airflow's SMTP provider.")
    connection: ConnectionId = Field("smtp_default", description="Airflow's connection; its extra has from_email.")
    owners: dict[Text, Addresses] = Field(default_factory=dict, description=_OWNERS)
    fallback: Addresses = Field(description=_FALLBACK)

    def recipients(self, owner: str) -> tuple[str, ...]:
        """Whom it tells of a project of this owner."""
        known = self.owners.get(owner, owner if is_address(owner) else self.fallback)
        return _as_tuple(known)


class SlackMessages(_Channel):
    """Messages in Slack, through Airflow's Slack provider."""

    via: Literal["slack"] = Field(description="Messages in Slack, through Airflow's Slack provider.")
    connection: ConnectionId = Field("slack_api_default", description="Airflow's connection to Slack's API.")
    owners: dict[Text, SlackChannels] = Field(default_factory=dict, description=_OWNERS)
    fallback: SlackChannels = Field(description=_FALLBACK)

    def recipients(self, owner: str) -> tuple[str, ...]:
        """Whom it tells of a project of this owner."""
        return _as_tuple(self.owners.get(owner, self.fallback))


class AppriseMessages(_Channel):
    """Whatever Apprise can reach, through Airflow's Apprise provider: recipients are tags of the connection."""

    via: Literal["apprise"] = Field(description="Whatever Apprise can reach, through Airflow's Apprise provider.")
    connection: ConnectionId = Field("apprise_default", description="Airflow's connection; its config has the tags.")
    owners: dict[Text, Tags] = Field(default_factory=dict, description=_OWNERS)
    fallback: Tags = Field(description=_FALLBACK)

    def recipients(self, owner: str) -> tuple[str, ...]:
        """Whom it tells of a project of this owner."""
        return _as_tuple(self.owners.get(owner, self.fallback))


Channel = Annotated[
    MailChannel | SlackMessages | AppriseMessages,
    chosen_by_value("via", smtp=MailChannel, slack=SlackMessages, apprise=AppriseMessages),
]
"""One way to reach people. A platform may have several, each with events, environments and recipients of its own."""


def _as_tuple(given: str | tuple[str, ...]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(dict.fromkeys(given))
