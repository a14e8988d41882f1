"""`mlkit new` without the terminal: from answers to a project that runs, whole or not at all."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from airflow_mlkit.data.files import find_files
from airflow_mlkit.data.profile import DataProfile, profile_table
from airflow_mlkit.exceptions import AnswerError
from airflow_mlkit.project import SPEC_FILE
from airflow_mlkit.scaffold.answers import Answers
from airflow_mlkit.scaffold.data_file import read_data
from airflow_mlkit.scaffold.profile_text import profile_text
from airflow_mlkit.scaffold.suite import build_suite, suite_text
from airflow_mlkit.scaffold.template import find_template, render_template
from airflow_mlkit.spec import load_spec

MAX_COPIED_BYTES = 200_000_000
"""A larger file stays where it is, and the project names it by its absolute path."""


@dataclass(frozen=True)
class NewProject:
    """A project that was made: its folder, what was found in the data, and whether the data was copied into it."""

    folder: Path
    profile: DataProfile
    data_path: str
    copied: bool


def make_project(answers: Answers, output: Path, *, table: pa.Table | None = None) -> NewProject:
    """Make a project. Nothing is left behind when it fails.

    Args:
        answers: what a person said.
        output: the folder in which the project becomes a folder; made when it is not there.
        table: the rows of `answers.data`, where they have been read already.

    Raises:
        AnswerError: when an answer cannot be used, or the project's folder is there already.
        SourceError: when the data cannot be read.
    """
    target = output / answers.name
    _check_target(target)
    rows = read_data(answers.data, answers.columns) if table is None else table
    salt = answers.salt or answers.name
    profile = profile_table(rows, answers.label, salt=salt, kind=answers.kind)
    data_path, copied_from = _place_data(answers)
    with _beside(target) as workplace:
        made = render_template(find_template(), _template_answers(answers, profile, data_path), workplace)
        suite = suite_text(build_suite(answers.name, profile))
        (made / "expectations" / f"{answers.name}.json").write_text(suite, encoding="utf-8")
        if copied_from:
            shutil.copyfile(copied_from, made / data_path)
        load_spec(made / SPEC_FILE)
        _check_target(target)
        made.rename(target)
    return NewProject(target, profile, data_path, copied_from is not None)


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A workplace on the same file system, so that the finished project is moved in one stroke."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".mlkit-new-", dir=target.parent) as workplace:
            yield Path(workplace)
    except OSError as error:
        raise AnswerError(
            f"no project can be made in {target.parent}: {error.strerror or error}.", hint="Give another --output-dir."
        ) from error


def _check_target(target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise AnswerError(f"{target} is there already.", hint="Give another --name or --output-dir.")


def _place_data(answers: Answers) -> tuple[str, Path | None]:
    """Where the project finds its data, and the file to copy there; None when it stays where it is."""
    path = Path(answers.data)
    if "://" in answers.data:
        return answers.data, None
    if path.is_file() and path.stat().st_size <= MAX_COPIED_BYTES:
        return f"data/{_safe_file_name(path.name)}", path
    find_files(answers.data)
    return str(path.absolute()), None


def _safe_file_name(name: str) -> str:
    """A file's name without what means something to a shell, a glob or YAML."""
    return re.sub(r"[^\w.-]+", "-", name).lstrip("-.") or "data.csv"


def _template_answers(answers: Answers, profile: DataProfile, data_path: str) -> dict[str, Any]:
    return {
        "name": answers.name,
        "predicts": answers.predicts,
        "owner": answers.owner,
        "pattern": answers.pattern.value,
        "data_path": data_path,
        "label": answers.label,
        "gpu": answers.gpu,
        "schedule": answers.cron or "never",
        "approval": answers.approval.value,
        "profile": profile_text(profile, columns=answers.columns, gpu=answers.gpu),
    }
