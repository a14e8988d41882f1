"""Whether a model's files are those that were saved: the model id is made again from what lies in the folder."""

from __future__ import annotations

from pathlib import Path

from airflow_mlkit.exceptions import ModelError
from airflow_mlkit.rundir.canonical import hash_file, hash_value
from airflow_mlkit.workflows.manifest import ModelManifest
from airflow_mlkit.workflows.model_id import hash_model

CODE_FOLDER = "code"

_RESTORE = "Bring the model's folder back from a backup, or promote a new model."


def check_files(folder: Path, manifest: ModelManifest, model_id: str) -> None:
    """Compare a model's folder with the id that it should have. Nothing of it is imported or unpacked.

    Args:
        folder: the model's.
        manifest: its `model.json`, which may have been edited too.
        model_id: the id that the model must have.

    Raises:
        ModelError: when the model's file, its code or its manifest is not what the id was made from.
    """
    path = folder / manifest.model_file
    if not path.is_file():
        raise ModelError(f"{path} is not there.", hint=_RESTORE)
    if hash_file(path) != manifest.model_hash:
        raise ModelError(f"{path} is not the file that was saved: its hash differs.", hint=_RESTORE)
    if hash_code(folder / CODE_FOLDER) != manifest.code_hash:
        raise ModelError(f"{folder / CODE_FOLDER} is not the code that was saved: its hash differs.", hint=_RESTORE)
    found = identify(manifest)
    if found != model_id:
        raise ModelError(f"{folder} holds the model {found}, and should hold {model_id}.", hint=_RESTORE)


def hash_code(folder: Path) -> str:
    """sha256 over the names and the bytes of all files in a model's code folder; as `Project.code_hash`.

    A file of any kind counts: Python would import an extension module before the source beside it.
    """
    found = (path for path in folder.rglob("*") if "__pycache__" not in path.parts)
    files = [path for path in found if path.is_symlink() or not path.is_dir()]
    return hash_value(
        {path.relative_to(folder).as_posix(): hash_file(path) if path.is_file() else "no file" for path in files}
    )


def identify(manifest: ModelManifest) -> str:
    """The model id, made again from what a manifest says."""
    return hash_model(
        model_format=manifest.format,
        model_hash=manifest.model_hash,
        workflow=manifest.workflow,
        code_hash=manifest.code_hash,
        problem_kind=manifest.problem_kind,
        label=manifest.label,
        classes=manifest.classes,
        features=manifest.features,
        class_order=manifest.class_order,
    )
