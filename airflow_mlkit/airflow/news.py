"""What people are told: a subject of one line, a short text, and the same as HTML. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import NamedTuple

from airflow_mlkit.spec.notify import Event

SUBJECT_LENGTH, SENTENCE_LENGTH, MOST_LINES = 160, 1200, 12
"""In characters: what a list of mails shows, and what is read on a telephone."""

# what ends a line, moves the cursor or turns the writing round; and halves of characters, which no mail can carry
_LINE_BREAKS = re.compile(r"[\n\v\f\r\x85\u2028\u2029]+")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_OPENERS = frozenset({"A", "After", "An", "It", "Its", "No", "Nobody", "Not", "The", "There", "This"})


@dataclass(frozen=True)
class News:
    """Something that happened to a model, with what one has to know of it.

    `sentence` says why; `decision` is the gates' word for it. `run` is the name of the run directory. `report`,
    `page` and `question` are addresses, None where there is nothing to open. A question has `deadline` and `asked`.
    """

    event: Event
    model: str
    step: str
    environment: str
    owner: str
    run: str
    dag_run: str
    page: str
    sentence: str
    decision: str | None = None
    as_of: datetime | None = None
    version: str | None = None
    report: str | None = None
    tries: int = 1
    asked: tuple[str, ...] = ()
    deadline: datetime | None = None
    question: str | None = None


class Message(NamedTuple):
    """The same news as a line, as text and as HTML."""

    subject: str
    text: str
    html: str


def write_message(news: News) -> Message:
    """Put news into words.

    >>> news = News("held_back", "cards", "promote", "prod", "risk", "r1", "r1", "https://a", "No better.")
    >>> write_message(news).subject
    'cards: held back, no better.'
    """
    letter = _Letter(
        _one_line(_headline(news), SENTENCE_LENGTH),
        _cut(news.sentence),
        [(name, _one_line(value, SUBJECT_LENGTH)) for name, value in _list_facts(news) if value],
        [(name, address) for name, address in _list_links(news) if address],
        *_advise(news),
    )
    return Message(_one_line(f"{news.model}: {_subject(news)}", SUBJECT_LENGTH), letter.text(), letter.html())


def _subject(news: News) -> str:
    match news.event:
        case "held_back":
            return f"{'undecided' if news.decision == 'undecided' else 'held back'}, {_inside(news.sentence)}"
        case "failed":
            return f"{news.step} failed, {_inside(news.sentence)}"
        case "waiting":
            return f"waiting for a yes until {_moment(news.deadline)}" if news.deadline else "waiting for a yes"
        case "promoted":
            return f"promoted, version {news.version} is the champion"


def _inside(sentence: str) -> str:
    """A sentence as it stands behind a comma; a name at its beginning stays as it is."""
    first, _, rest = sentence.partition(" ")
    return f"{first.lower()} {rest}" if first in _OPENERS else sentence


def _headline(news: News) -> str:
    match news.event:
        case "held_back" if news.decision == "undecided":
            return f"The holdout could not decide about the new model of {news.model}. The champion stays."
        case "held_back":
            return f"The new model of {news.model} was held back. The champion stays."
        case "failed" if news.step == "predict":
            return f"The scoring of {news.model} failed. Nothing was scored by this run."
        case "failed":
            return f"The retrain of {news.model} failed at {news.step}. The champion stays."
        case "waiting":
            return f"The new model of {news.model} has passed its gates, and a person has the last word."
        case "promoted":
            return f"Version {news.version} of {news.model} is the champion."


def _advise(news: News) -> tuple[str, str | None]:
    """What one can do now, and the command for it, to be typed in the project's folder."""
    match news.event:
        case "held_back":
            said = "Nothing has to be done. To make this model the champion all the same, in the project's folder:"
            return said, _command(news, f"promote --run {news.run}")
        case "failed":
            return "When the cause is gone, clear the task in Airflow: the run goes on from there.", None
        case "waiting":
            return "Answer in Airflow, under Required Actions. Without an answer the champion stays.", None
        case "promoted":
            return "To take it back, in the project's folder:", _command(news, f"rollback {news.model}")


def _command(news: News, words: str) -> str:
    environment = "" if news.environment == "laptop" else f" --environment {news.environment}"
    return _one_line(f'mlkit {words}{environment} --reason "..."', SENTENCE_LENGTH)


_VERDICTS = {"undecided": "undecided", "hold_back": "not passed", "promote": "passed"}


def _list_facts(news: News) -> list[tuple[str, str | None]]:
    return [
        ("Model", news.model),
        ("Run", news.dag_run),
        ("As of", _moment(news.as_of)),
        ("Gates", _VERDICTS.get(news.decision or "")),
        ("Step", f"{news.step}, tried {news.tries} times" if news.tries > 1 else news.step),
        ("Asked", ", ".join(news.asked)),
        ("Until", _moment(news.deadline)),
        ("Environment", news.environment),
        ("Owner", news.owner),
    ]


def _list_links(news: News) -> list[tuple[str, str | None]]:
    return [("Answer", news.question), ("Report", news.report), ("Dag run", news.page)]


def _moment(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else ""


def _one_line(text: str, length: int) -> str:
    """A text that is one line in a header and in a list, whatever is in it."""
    line = " ".join(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", text[: length * 4]).split())
    return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"


def _cut(text: str) -> list[str]:
    """The lines of a text, and no more of it than people read."""
    lines = [_one_line(line, SENTENCE_LENGTH) for line in _LINE_BREAKS.split(text[: 4 * SENTENCE_LENGTH])]
    kept: list[str] = []
    for line in filter(None, lines):
        if sum(map(len, kept)) + len(line) > SENTENCE_LENGTH or len(kept) == MOST_LINES:
            return [*kept, "… (shortened; the task's log has all of it)"]
        kept.append(line)
    return kept


class _Letter(NamedTuple):
    headline: str
    said: list[str]
    facts: list[tuple[str, str]]
    links: list[tuple[str, str]]
    advice: str
    command: str | None

    def text(self) -> str:
        width = max(len(name) for name, _ in [*self.facts, *self.links]) + 2
        block = [f"{name:<{width}}{value}" for name, value in [*self.facts, *self.links]]
        typed = [f"    {self.command}"] if self.command else []
        return "\n".join([self.headline, "", *self.said, "", *block, "", self.advice, *typed]) + "\n"

    def html(self) -> str:
        rows = [f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>\n" for name, value in self.facts]
        typed = f"<pre>{escape(self.command)}</pre>\n" if self.command else ""
        return (
            f"<p><strong>{escape(self.headline)}</strong></p>\n<p>{'<br>'.join(map(escape, self.said))}</p>\n"
            f"<p>{' &middot; '.join(_anchor(*link) for link in self.links)}</p>\n"
            f'<table cellpadding="4">\n{"".join(rows)}</table>\n<p>{escape(self.advice)}</p>\n{typed}'
        )


def _anchor(name: str, address: str) -> str:
    """A link; an address without a host, where `[api] base_url` is not set, would lead nowhere from a mail."""
    is_whole = "://" in address
    return f'<a href="{escape(address)}">{escape(name)}</a>' if is_whole else f"{escape(name)}: {escape(address)}"
