"""Which names a project may have: it becomes a folder, a Python package, a Dag id and a registered model."""

from __future__ import annotations

import keyword
import re
import sys
import unicodedata
from functools import cache
from importlib.metadata import packages_distributions

from airflow_mlkit.exceptions import AnswerError

MAX_LENGTH = 50
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_FOLDERS_OF_A_PROJECT = frozenset({"data", "dags", "expectations", "schemas", "scores", "tests", "workflow"})


def check_name(name: str) -> str:
    """A name that is safe everywhere a project's name goes.

    Raises:
        AnswerError: with a name that would do.
    """
    if not name.strip():
        raise AnswerError("the name is empty.", hint="Give one such as card-fraud: --name card-fraud")
    if not _NAME.fullmatch(name) or len(name) > MAX_LENGTH:
        raise AnswerError(
            f"the name {_shorten(name)} cannot be used: lower case letters, digits and single hyphens, "
            f"a letter first, at most {MAX_LENGTH} characters.",
            hint=f"For example: --name {suggest_name(name)}",
        )
    taken = _taken_by(name.replace("-", "_"))
    if taken:
        raise AnswerError(
            f"the name {name!r} cannot be used: its Python package would be {name.replace('-', '_')!r}, {taken}.",
            hint=f"For example: --name {suggest_name(name)}",
        )
    return name


def suggest_name(text: str, fallback: str = "my-model") -> str:
    """The nearest name that may be used: `Größe & Co.csv` gives `grosse-co-csv`."""
    latin = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", latin.lower())
    name = "-".join(words)[:MAX_LENGTH].strip("-").lstrip("0123456789-") or fallback
    return f"{name[: MAX_LENGTH - 6].rstrip('-')}-model" if _taken_by(name.replace("-", "_")) else name


def _taken_by(package: str) -> str | None:
    """What already has this name in Python or in a project's folder."""
    if keyword.iskeyword(package) or keyword.issoftkeyword(package):
        return "which is a word of Python's own"
    if package in _FOLDERS_OF_A_PROJECT:
        return "which is another folder of a project"
    if package in sys.stdlib_module_names:
        return "which is a module of Python's own"
    return "which is an installed package" if package in _installed_packages() else None


@cache
def _installed_packages() -> frozenset[str]:
    return frozenset({"airflow_mlkit", *packages_distributions()})


def _shorten(text: str) -> str:
    shown = repr(text)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
