"""The files of a tracking run where they lie in a folder or a bucket, without asking MLflow.

MLflow keeps absolute paths; after a project was moved only the champion log knows where they are.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from upath import UPath

from airflow_mlkit.exceptions import RegistryError

_BUCKETS = ("s3://", "gs://", "gcs://")


def can_reach(place: str) -> bool:
    """Whether a place is a folder or a bucket; other ones are known to MLflow's server alone."""
    return Path(place).is_absolute() or place.startswith(_BUCKETS)


def copy_out(place: str, name: str, folder: Path) -> Path | None:
    """Copy a file or a folder; None where it is not there.

    Args:
        place: a folder, or an address in a bucket.
        name: of what lies there.
        folder: where to.

    Raises:
        RegistryError: when it is there and cannot be read.
    """
    source, target = UPath(place) / name, folder / name
    try:
        if not source.exists():
            return None
        if not source.is_dir():
            target.write_bytes(source.read_bytes())
        elif Path(place).is_absolute():
            shutil.copytree(source.path, target)
        else:
            source.fs.get(f"{source.path.rstrip('/')}/", f"{target}/", recursive=True)
    except Exception as error:  # each kind of bucket has errors of its own, for credentials and for the network
        raise RegistryError(f"{source} cannot be fetched: {error}.", hint="Is it there, and may it be read?") from error
    return target
