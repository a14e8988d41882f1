"""What to say of a version that somebody names and MLflow does not have."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from pathlib import PurePosixPath

from airflow_mlkit.exceptions import UserError
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.champion_log import ChampionLog

_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_SHOWN = 12


def refuse_no_number(version: str) -> None:
    """See that a version is named as MLflow counts them.

    Raises:
        UserError: when it is no number.
    """
    if not _NUMBER.fullmatch(version):
        raise UserError(
            f"{version!r} is no version: a version is a number, such as 2.", hint="mlkit models versions lists them."
        )


def missing_version(model_name: str, version: str, known: Iterable[str], champions: ChampionLog) -> UserError:
    """The error about a version that MLflow does not have, or no longer.

    Args:
        model_name: the registered model.
        version: its number.
        known: the numbers that MLflow has.
        champions: the model's log, which also knows of champions that were deleted.
    """
    own = [entry for entry in champions.entries() if entry.model_version == version]
    if own:
        return UserError(
            f"MLflow has no version {version} of {model_name}: it was deleted there.", hint=revive(own[-1])
        )
    return UserError(f"{model_name} has no version {version!r}{_name(known)}", hint="mlkit models versions lists them.")


def revive(entry: ChampionEntry) -> str:
    """How a champion that was deleted in MLflow gets another version there."""
    run = shlex.quote(PurePosixPath(entry.run_dir).name)
    return f"Where its run is still there, mlkit promote --run {run} registers it again."


def _name(known: Iterable[str]) -> str:
    newest = sorted(known, key=int, reverse=True)
    shown = ", ".join(reversed(newest[:_SHOWN]))
    more = f" and {len(newest) - _SHOWN:,} older ones" if len(newest) > _SHOWN else ""
    return f"; known are {shown}{more}." if newest else ": none is registered yet."
