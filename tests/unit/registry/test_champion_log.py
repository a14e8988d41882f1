from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from airflow_mlkit.exceptions import RegistryError
from airflow_mlkit.registry import ChampionEntry, ChampionLog
from airflow_mlkit.registry.freeze import FreezeEntry
from tests.challengers import build_entry


@pytest.fixture
def log(tmp_path: Path) -> ChampionLog:
    """A log with three entries."""
    log = ChampionLog(tmp_path / "champions" / "churn")
    assert all(log.append(build_entry(n)) for n in (1, 2, 3))
    return log


def test_a_log_without_entries_has_no_head(tmp_path: Path) -> None:
    log = ChampionLog(tmp_path / "champions" / "churn")
    assert log.head() is None
    assert log.entries() == []


def test_the_head_is_the_entry_with_the_highest_number(tmp_path: Path) -> None:
    """By number and not by name: 10 comes after 9."""
    log = ChampionLog(tmp_path)
    for n in range(1, 12):
        log.append(build_entry(n))
    head = log.head()
    assert head is not None
    assert head.n == 11


def test_an_entry_is_created_once_and_never_replaced(log: ChampionLog) -> None:
    assert not log.append(build_entry(3, reason="another writer"))
    assert [found.reason for found in log.entries()] == ["better"] * 3


def test_each_entry_vouches_for_the_one_before(log: ChampionLog) -> None:
    first, second, _ = log.entries()
    assert (first.previous, first.previous_hash) == (None, None)
    assert second.previous == 1
    assert second.previous_hash


def test_an_entry_that_newer_code_wrote_is_read_and_chained_by_its_bytes(log: ChampionLog) -> None:
    """A field this code does not know must not break the chain."""
    path = Path(str(log.root)) / "3.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"approved_by": "bo"}))
    assert log.append(build_entry(4))
    assert len(log.entries()) == 4


def test_the_anchor_is_the_entry_that_the_head_names(log: ChampionLog) -> None:
    log.append(build_entry(4, anchor=2))
    assert log.anchor() == log.entries()[1]


def test_an_entry_from_before_there_was_an_anchor_is_its_own(log: ChampionLog, tmp_path: Path) -> None:
    assert log.anchor() == log.head()
    assert ChampionLog(tmp_path / "empty").anchor() is None


def test_the_entries_between_the_anchor_and_the_head_must_be_whole(log: ChampionLog) -> None:
    """The head alone does not see the anchor's file."""
    log.append(build_entry(4, anchor=1))
    path = Path(str(log.root)) / "1.json"
    path.write_text(path.read_text().replace("ana", "eve"))
    assert log.head() is not None
    with pytest.raises(RegistryError, match=r"1\.json is not the entry that 2\.json was chained to"):
        log.anchor()


def test_no_entry_is_appended_after_a_gap(log: ChampionLog) -> None:
    with pytest.raises(RegistryError, match=r"4\.json"):
        log.append(build_entry(5))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / "2.json").unlink(), r"2\.json is missing"),
        (lambda folder: (folder / "2.json").write_text('{"n": 2'), r"2\.json is damaged"),
        (lambda folder: (folder / "2.json").write_text("{}"), r"2\.json is damaged: n: Field required"),
        (
            lambda folder: (folder / "2.json").write_bytes((folder / "1.json").read_bytes()),
            "it says that it is entry 1",
        ),
        (
            lambda folder: (folder / "2.json").write_bytes(build_entry(2, anchor=7).to_bytes()),
            r"2\.json is damaged: its anchor is the later entry 7",
        ),
        (
            lambda folder: (folder / "2.json").write_text((folder / "2.json").read_text().replace("ana", "eve")),
            r"2\.json is not the entry that 3\.json was chained to",
        ),
    ],
    ids=["removed", "half a file", "empty object", "copied", "anchored ahead", "edited"],
)
def test_damage_in_the_middle_names_the_file(log: ChampionLog, damage: object, said: str) -> None:
    damage(Path(str(log.root)))  # type: ignore[operator]
    for read in (log.head, log.entries):
        with pytest.raises(RegistryError, match=said):
            read()


class ForgetfulLog(ChampionLog):
    """A store that takes what is written and does not list it."""

    def _numbers(self) -> list[int]:
        return []


def test_a_store_that_does_not_list_what_it_took_ends_with_a_sentence(log: ChampionLog) -> None:
    asked: list[int] = []

    def decide(entries: Sequence[ChampionEntry]) -> ChampionEntry:
        asked.append(len(entries))
        return build_entry(1, reason="again")

    with pytest.raises(RegistryError, match=r"1\.json is taken, and yet it is not listed in .*, after 6 attempts"):
        ForgetfulLog(log.root).extend(decide)
    assert asked == [0] * 6
    assert len(log.entries()) == 3


def test_who_comes_second_decides_again(log: ChampionLog) -> None:
    def decide(entries: Sequence[ChampionEntry]) -> ChampionEntry | None:
        if len(entries) == 3:
            log.append(build_entry(4, reason="another writer"))
        return build_entry(len(entries) + 1, reason=f"after {entries[-1].reason}")

    appended = log.extend(decide)
    assert appended is not None
    assert (appended.n, appended.reason, appended.previous) == (5, "after another writer", 4)


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "champions").write_text("a file in the place of the folder")
    with pytest.raises(RegistryError, match=r"champions/churn/1\.json cannot be written"):
        ChampionLog(tmp_path / "champions" / "churn").append(build_entry(1))


def test_every_damage_is_found_at_once_and_the_rest_is_read(log: ChampionLog) -> None:
    for n in (4, 5, 6):
        log.append(build_entry(n))
    folder = Path(str(log.root))
    (folder / "1.json").write_text((folder / "1.json").read_text().replace("ana", "eve"))
    (folder / "4.json").write_text("{")
    (folder / "5.json").unlink()
    entries, damages = log.examine()
    assert [entry.n for entry in entries] == [1, 2, 3, 6]
    said = [damage.message.removeprefix(f"{folder}/") for damage in damages]
    assert said[0] == "1.json is not the entry that 2.json was chained to."
    assert said[1].startswith("4.json is damaged")
    assert said[2] == "5.json is missing, and later entries are there."


def test_the_newest_word_about_a_freeze_counts(log: ChampionLog) -> None:
    def say(n: int, action: str, until: int | None) -> None:
        end = datetime(2026, 12, until, tzinfo=UTC) if until else None
        said = {"n": n, "action": action, "until": end, "at": end or datetime.now(UTC), "by": "bo", "reason": "sale"}
        assert log.freezes.append(FreezeEntry.model_validate(said))

    noon = datetime(2026, 12, 3, 12, tzinfo=UTC)
    assert log.freezes.active(noon) is None
    for n, action, until, frozen in [(1, "freeze", 20, True), (2, "freeze", 2, False), (3, "freeze", 4, True)]:
        say(n, action, until)
        assert bool(log.freezes.active(noon)) is frozen
    say(4, "unfreeze", None)
    assert log.freezes.active(noon) is None
    assert len(log.entries()) == 3
