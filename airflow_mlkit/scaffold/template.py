"""The template of a project: where it lies, how it is rendered, and the record from which it can be brought forward."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cookiecutter.exceptions import CookiecutterException, FailedHookException
from cookiecutter.generate import generate_context, generate_files
from cookiecutter.prompt import prompt_for_config

import airflow_mlkit
from airflow_mlkit.__about__ import __version__
from airflow_mlkit.exceptions import AnswerError, ProjectError

REPOSITORY = "https://github.com/airflow-mlkit/airflow-mlkit"
GOLDEN_PATH = "golden-path"

_PACKAGE = Path(airflow_mlkit.__file__).parent
_SHIPPED = _PACKAGE / "_shipped"
_CACHES = shutil.ignore_patterns("__pycache__", "*.pyc", ".ruff_cache", ".mypy_cache", ".pytest_cache", ".DS_Store")
"""What tools leave in a checkout's template; no part of a project."""
_MARKS = ("{{", "{%", "{#")


def find_template(name: str = GOLDEN_PATH) -> Path:
    """The folder of a template: inside the wheel, or beside the package in a checkout.

    Raises:
        ProjectError: when neither is there.
    """
    for folder in (_SHIPPED / "templates" / name, _PACKAGE.parent / "templates" / name):
        if (folder / "cookiecutter.json").is_file():
            return folder
    raise ProjectError(f"the template {name} is not there.", hint="Install airflow-mlkit again; its wheel brings it.")


def render_template(template: Path, answers: Mapping[str, Any], output: Path) -> Path:
    """Render a template into a folder, and record in it what it was made from.

    Args:
        template: a cookiecutter template.
        answers: values for its cookiecutter.json, taken literally: braces in them mean nothing.
        output: an existing folder; the project becomes a folder in it.

    Returns:
        The project's folder.

    Raises:
        AnswerError: when the template itself refuses an answer.
    """
    context = {name: literal(value) for name, value in answers.items()}
    try:
        made = _generate(template, context, output)
    except FailedHookException as error:
        raise AnswerError("the template refuses these answers.", hint="What it said stands above.") from error
    except CookiecutterException as error:
        said = str(getattr(error, "error", None) or error).splitlines()[0]
        raise ProjectError(f"the template {template} cannot be rendered: {said}") from error
    project = Path(made)
    (project / ".cruft.json").write_text(_record(template, context), encoding="utf-8")
    return project


def _generate(template: Path, context: Mapping[str, Any], output: Path) -> str:
    """As cruft does it: without the home folder's settings, and without a copy of the answers there."""
    resolved = generate_context(str(template / "cookiecutter.json"), extra_context=dict(context))
    resolved["cookiecutter"] = prompt_for_config(resolved, no_input=True)
    with tempfile.TemporaryDirectory() as folder:
        clean = shutil.copytree(template, Path(folder) / template.name, ignore=_CACHES)
        return str(generate_files(repo_dir=str(clean), context=resolved, output_dir=str(output)))


def literal(value: Any) -> Any:
    """A value in which Jinja, through which cookiecutter sends every answer, finds nothing to do.

    >>> literal("{# no comment")
    "{{ '{' }}# no comment"
    """
    if isinstance(value, str):
        return _escape(value)
    if isinstance(value, Mapping):
        return {_escape(str(key)): literal(inner) for key, inner in value.items()}
    return [literal(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _escape(text: str) -> str:
    return text.replace("{", "{{ '{' }}") if any(mark in text for mark in _MARKS) else text


def _record(template: Path, context: Mapping[str, Any]) -> str:
    """What cruft reads. Keys that begin with an underscore it takes from the template's newer version."""
    defaults = json.loads((template / "cookiecutter.json").read_text(encoding="utf-8"))
    told = {key: value for key, value in defaults.items() if key.startswith("_") and not key.startswith("__")}
    record = {
        "template": REPOSITORY,
        "commit": _commit(),
        "checkout": f"v{__version__}",
        "context": {"cookiecutter": {**context, **told}},
        "directory": f"templates/{template.name}",
        "skip": ["expectations", "data"],
    }
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def _commit() -> str | None:
    """The commit that the wheel was built from, or the one of the checkout; None in an unpacked sdist."""
    path = _SHIPPED / "commit.txt"
    return path.read_text(encoding="utf-8").strip() if path.is_file() else commit_of(_PACKAGE.parent)


def commit_of(checkout: Path) -> str | None:
    """The commit that a folder has checked out; None where it is no checkout, has no commit, or git is not installed.

    The folder itself must be the checkout: a kit that lies unpacked in another repository is not of that one's commit.
    """
    if not (checkout / ".git").exists() or shutil.which("git") is None:
        return None
    command = ["git", "-C", str(checkout), "rev-parse", "--verify", "--quiet", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or None
