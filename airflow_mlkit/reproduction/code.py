"""The code of a version: from its commit, without touching what is checked out, else from the model itself."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from airflow_mlkit.exceptions import SpecError
from airflow_mlkit.project import SPEC_FILE, Project, hash_spec
from airflow_mlkit.registry.provenance import run_git
from airflow_mlkit.reproduction.difference import Difference
from airflow_mlkit.reproduction.origin import Origin
from airflow_mlkit.spec import load_spec
from airflow_mlkit.workflows.files import CODE_FOLDER


@dataclass(frozen=True)
class BroughtCode:
    """Where the code came from, in words; a note for people; what differs of it already."""

    source: str
    note: str | None = None
    difference: Difference | None = None


def bring_code(project: Project, origin: Origin, folder: Path, scratch: Path) -> BroughtCode:
    """Put the workflow's package into a folder.

    Args:
        project: as it is checked out, whose git is asked.
        origin: the version.
        folder: the scratch project's.
        scratch: a place for a temporary index of git.
    """
    commit, clean = origin.facts.git_commit, origin.facts.git_clean
    if commit and clean is not False:
        tree = scratch / "commit"
        if _check_out(project, origin, commit, tree, scratch / "index"):
            return _take_commit(origin, commit, tree, folder)
        note = f"Commit {commit[:12]} is not in this clone; git fetch brings it."
    elif commit:
        note = f"Files were changed since commit {commit[:12]} when it was trained, so that the commit is not its code."
    else:
        note = "It was not trained from a commit."
    shutil.copytree(origin.model / CODE_FOLDER, folder, dirs_exist_ok=True)
    return BroughtCode("the code that the model carries", note)


def _take_commit(origin: Origin, commit: str, tree: Path, folder: Path) -> BroughtCode:
    package = tree / origin.spec.package
    if package.is_dir():
        shutil.copytree(package, folder / package.name)
    elif package.with_suffix(".py").is_file():
        shutil.copyfile(package.with_suffix(".py"), folder / f"{package.name}.py")
    return BroughtCode(f"commit {commit[:12]}", difference=_compare_spec(origin, commit, tree))


def _compare_spec(origin: Origin, commit: str, tree: Path) -> Difference | None:
    """mlkit.yaml of the commit against the one that was kept, where this version of the kit can still read it."""
    try:
        found = hash_spec(load_spec(tree / SPEC_FILE))
    except SpecError:
        return None
    if found == origin.entry.spec_hash:
        return None
    return Difference(
        cause="spec",
        what="mlkit.yaml",
        then=origin.entry.spec_hash[:12],
        now=f"{found[:12]} in commit {commit[:12]}",
        meaning="It was not trained with what its commit declares.",
    )


def _check_out(project: Project, origin: Origin, commit: str, tree: Path, index: Path) -> bool:
    """Write the package and mlkit.yaml as a commit has them, through an index of its own."""
    top = run_git(project.folder, "rev-parse", "--show-toplevel")
    prefix = run_git(project.folder, "rev-parse", "--show-prefix")
    if top is None or prefix is None or run_git(project.folder, "cat-file", "-e", f"{commit}^{{commit}}") is None:
        return False
    own = {"GIT_INDEX_FILE": str(index)}
    tree.mkdir()
    if run_git(Path(top), "read-tree", f"{commit}:{prefix.rstrip('/')}", **own) is None:
        return False
    package = origin.spec.package
    named = run_git(Path(top), "ls-files", "-z", "--", package, f"{package}.py", SPEC_FILE, **own)
    names = [name for name in (named or "").split("\0") if name]
    return bool(names) and run_git(Path(top), "checkout-index", f"--prefix={tree}/", "--", *names, **own) is not None
