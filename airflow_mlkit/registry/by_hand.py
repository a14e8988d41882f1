"""A person's word about who is the champion: promote and roll back.

The champion log is written as by a retrain: append, which is the change, then let MLflow's aliases follow. Killed in
between, the same command again finds what is done and does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Literal

from airflow_mlkit.data.moment import to_utc
from airflow_mlkit.exceptions import RegistryError, UserError
from airflow_mlkit.project import Project
from airflow_mlkit.registry.asking import ask
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.missing_version import refuse_no_number
from airflow_mlkit.registry.model_registry import ModelRegistry
from airflow_mlkit.registry.objection import find_objections, on_one_line
from airflow_mlkit.registry.recall import recall_entry
from airflow_mlkit.registry.word import Word
from airflow_mlkit.rundir.records import Record


class Change(Record):
    """What a person's word has changed.

    Attributes:
        champion: the head of the log now.
        replaced: who was champion before; None where there was nobody, or nothing was changed.
        changed: False where the log said so already.
        asked: what the version was asked before; empty where nothing was changed.
        notes: what would have held the version back, had not a person decided.
    """

    champion: ChampionEntry
    replaced: ChampionEntry | None = None
    changed: bool
    asked: str = ""
    notes: tuple[str, ...] = ()


Decide = Callable[[Sequence[ChampionEntry]], ChampionEntry | None]


def roll_back(project: Project, word: Word, to: str | None = None) -> Change:
    """Make a former champion the champion again, with the anchor that stood with it.

    Args:
        project: whose model it is.
        word: who says so, and why.
        to: the version; the champion before the present one when not given. Only a named version is gone back to
            from a rollback, or from a champion that came in between: what was before it is not what was meant.

    Raises:
        UserError: when there is nothing to go back to, there is no such version, or it has to be said which one is
            meant.
        RegistryError: when the version cannot be loaded or scores otherwise than it did, the log is damaged, or MLflow
            refuses.
    """
    registry = ModelRegistry.of(project)
    entries = registry.log.entries()
    if not entries:
        raise UserError(f"There is no champion of {project.spec.name} yet.", hint="mlkit run trains the first one.")
    target = _find_champion(registry, entries, to) if to else _find_predecessor(entries, word)

    def decide(now: Sequence[ChampionEntry]) -> ChampionEntry | None:
        if now[-1].model_id == target.model_id:
            return None
        if to is None and now[-1].n != entries[-1].n:
            raise UserError(
                f"Meanwhile {_describe(now[-1])}. Nothing was rolled back.",
                hint="mlkit audit shows the log. Name the version that you mean: --to.",
            )
        return _write_entry(target, "rollback", word, now)

    return carry_out(project, registry, target, decide)


def promote_version(project: Project, version: str, word: Word) -> Change:
    """Make a version the champion because a person says so, whatever its gates said.

    A version that was never champion is measured against the anchor that stands: a person's word proves nothing.

    Args:
        project: whose model it is.
        version: its number in MLflow.
        word: who says so, and why.

    Raises:
        UserError: when there is no such version, or it was not made by the kit.
        RegistryError: as `roll_back`.
    """
    registry = ModelRegistry.of(project)
    entries = registry.log.entries()
    refuse_no_number(version)
    known = [entry for entry in entries if entry.model_version == version]
    target = known[-1] if known else recall_entry(registry, registry.confirm(version))

    def decide(now: Sequence[ChampionEntry]) -> ChampionEntry | None:
        if now and _stands(registry, target, now[-1]):
            return None
        return _write_entry(target, "promote", word, now, again=bool(known))

    change = carry_out(project, registry, target, decide)
    against = find_objections(target.model_id, target.as_of, change.replaced)
    return change.model_copy(update={"notes": against})


def carry_out(project: Project, registry: ModelRegistry, target: ChampionEntry, decide: Decide) -> Change:
    """Ask the version, let the log move, and let MLflow follow; only the last where the log says so already.

    Args:
        project: whose model it is.
        registry: the project's.
        target: the entry of the version that is to be the champion.
        decide: from the log as it is to the entry to append; None where it says so already.

    Raises:
        UserError: when MLflow does not have the version.
        RegistryError: when the version cannot be loaded or scores otherwise than it did, or MLflow refuses.
    """
    registry.confirm(target.model_version)
    asked = ask(project, target).sentence if decide(registry.log.entries()) is not None else ""
    appended = registry.log.extend(decide)
    try:
        head = registry.follow()
    except RegistryError as error:
        if appended is None:
            raise
        raise RegistryError(
            f"{appended.title} is the champion (entry {appended.n}), and MLflow was not told: {error.message}",
            hint="Scoring follows the log already. The same command again, or mlkit audit --heal, sets the aliases.",
        ) from error
    if appended is None:
        return Change(champion=head, changed=False)
    before = registry.log.entries()[appended.n - 2] if appended.n > 1 else None
    return Change(champion=appended, replaced=before, changed=True, asked=asked)


def _stands(registry: ModelRegistry, target: ChampionEntry, head: ChampionEntry) -> bool:
    """Whether the champion is that very model already, under a version that MLflow still has."""
    if head.model_id != target.model_id:
        return False
    return head.model_version == target.model_version or registry.find(head.model_version) is not None


def _find_champion(registry: ModelRegistry, entries: Sequence[ChampionEntry], version: str) -> ChampionEntry:
    refuse_no_number(version)
    found = [entry for entry in entries if entry.model_version == version]
    if found:
        return found[-1]
    registry.confirm(version)
    known = ", ".join(sorted({entry.model_version for entry in entries}, key=int))
    raise UserError(
        f"Version {version} was never the champion of {registry.model_name}; former ones are {known}.",
        hint=f"mlkit promote {version} makes a version the champion that was none.",
    )


def _find_predecessor(entries: Sequence[ChampionEntry], word: Word) -> ChampionEntry:
    head = entries[-1]
    if head.action == "rollback":
        if (head.promoted_by, head.reason) == (word.by, word.reason):
            return head
        raise UserError(
            f"{_describe(head)}. Nothing was rolled back a second time.",
            hint="mlkit audit shows the log. To go back further, name the version: --to.",
        )
    for entry in reversed(entries[:-1]):
        if entry.model_id != head.model_id:
            return entry
    raise UserError(
        f"{head.title} is the first champion: there is none to go back to.",
        hint="A new model replaces it: mlkit run, or mlkit promote.",
    )


def _describe(head: ChampionEntry) -> str:
    verb = "was rolled back to" if head.action == "rollback" else "was promoted to"
    when = f"{to_utc(head.promoted_at):%Y-%m-%d %H:%M}"
    return (
        f"{head.model_name} {verb} version {head.model_version} on {when} UTC by {head.promoted_by}: "
        f"{on_one_line(head.reason)}"
    )


def _write_entry(
    target: ChampionEntry,
    action: Literal["promote", "rollback"],
    word: Word,
    entries: Sequence[ChampionEntry],
    *,
    again: bool = True,
) -> ChampionEntry:
    """The next entry: the target's own, with who says so now. A former champion brings its anchor back with it."""
    n = len(entries) + 1
    standing = entries[-1].anchor_number if entries else n
    changed = {
        "n": n,
        "action": action,
        "promoted_at": datetime.now(UTC),
        "promoted_by": word.by,
        "by_person": True,
        "reason": word.reason,
        "restores": target.n if again else None,
        "anchor": target.anchor_number if again else standing,
    }
    # what somebody answered when the version was promoted first does not stand for this decision
    return ChampionEntry.model_validate(target.model_dump(exclude={"approval"}) | changed)
