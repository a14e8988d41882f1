"""What a platform gives to every pod of an environment, in Kubernetes' words: labels, variables, files of Secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from airflow_mlkit.spec.declared import problem_at, shorten
from airflow_mlkit.spec.values import has_user

_OBJECT_NAME = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
_NAME = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_KEY = re.compile(rf"([a-z0-9]([-a-z0-9.]{{0,251}}[a-z0-9])?/)?{_NAME}")
_LABEL = re.compile(rf"({_NAME})?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|ACCESS_KEY|PRIVATE_KEY|API_KEY")

_OWN_LABELS = re.compile(r"mlkit\.dev/.*|app\.kubernetes\.io/managed-by")
_OWN_VARIABLES = re.compile(r"HOME|OMP_NUM_THREADS|MLKIT_.*")
_OWN_FOLDERS = ("", "/tmp", "/project")  # noqa: S108
"""Where a pod has its own disk and the project."""


def _check_object_name(given: str) -> str:
    if len(given) > 253 or not re.fullmatch(_OBJECT_NAME, given):
        raise ValueError(f"{shorten(given)} is no name of Kubernetes; write lower case letters, digits, - and .")
    return given


def _check_folder(path: str) -> str:
    if not path.startswith("/") or ".." in path.split("/") or path.rstrip("/") in _OWN_FOLDERS:
        raise ValueError(f"{shorten(path)} cannot be mounted on; write an absolute path of its own, such as /mlkit")
    return path.rstrip("/")


def _check_labels(given: Mapping[str, str]) -> Mapping[str, str]:
    _refuse({key: _find_label_problem(key) or _find_value_problem(value) for key, value in given.items()})
    return given


def _check_annotations(given: Mapping[str, str]) -> Mapping[str, str]:
    _refuse({key: _find_label_problem(key) for key in given})
    return given


def _check_variables(given: Mapping[str, str]) -> Mapping[str, str]:
    _refuse({key: _find_variable_problem(key, value) for key, value in given.items()})
    return given


def _find_label_problem(key: str) -> str | None:
    if not _KEY.fullmatch(key):
        return "is no key of a label; write letters, digits, - _ . and one prefix, as in example.com/cost-centre"
    if _OWN_LABELS.fullmatch(key):
        return "is the kit's own; take another"
    return None


def _find_value_problem(value: str) -> str | None:
    if _LABEL.fullmatch(value):
        return None
    return f"{shorten(value)} is no value of a label; write at most 63 letters, digits, - _ and ."


def _find_variable_problem(key: str, value: str) -> str | None:
    if not _VARIABLE.fullmatch(key):
        return "is no name of a variable; write letters, digits and _"
    if _OWN_VARIABLES.fullmatch(key):
        return "is set by the kit; leave it out"
    if _SECRET.search(key.upper()) or has_user(value):
        said = "looks like a secret, which whoever may read pods would see"
        return f"{said}; put it into a Secret, and name that one in env_from_secrets"
    return None


def _refuse(problems: Mapping[str, str | None]) -> None:
    found = [((key,), said) for key, said in problems.items() if said]
    if found:
        raise problem_at(*found)


def find_overlap(folders: Iterable[str]) -> str | None:
    """A folder that lies in another one of them, or is the same: nothing can be mounted inside of a Secret."""
    known = sorted(f"{folder}/" for folder in folders)
    return next((inner.rstrip("/") for outer, inner in pairwise(known) if inner.startswith(outer)), None)


ObjectName = Annotated[str, AfterValidator(_check_object_name), StringConstraints(min_length=1, max_length=253)]
"""The name of a Secret, a service account and so on (RFC 1123 subdomain, as Kubernetes demands)."""

Folder = Annotated[str, StringConstraints(min_length=1), AfterValidator(_check_folder)]
"""Where something is mounted in a pod."""

Labels = Annotated[dict[str, str], AfterValidator(_check_labels)]
"""Labels (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set)."""

Annotations = Annotated[dict[str, str], AfterValidator(_check_annotations)]
"""Annotations: their keys are those of labels, their values any text."""

Variables = Annotated[dict[str, str], AfterValidator(_check_variables)]
"""Environment variables that everybody may see."""
