"""Writing `image.json`: whole or not at all, and with what another build has written meanwhile."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from airflow_mlkit.exceptions import ProjectError
from airflow_mlkit.image.record import BuiltImage, ImageRecord, Kind, read_image_record
from airflow_mlkit.project import IMAGE_FILE
from airflow_mlkit.rundir import replace_file


def keep_images(folder: Path, project: str, images: Mapping[Kind, BuiltImage]) -> ImageRecord:
    """Write images into the record of the project in a folder. Those of other kinds stay.

    An image that is the one of the record already keeps its entry, so that a build without a change is none for git.

    Raises:
        ProjectError: when the file cannot be written. The images are there all the same, and are named.
    """
    try:
        with _alone(folder):
            found = read_image_record(folder)
            before = found if found and found.project == project else None
            kept = {kind: _keep(before.images.get(kind) if before else None, image) for kind, image in images.items()}
            record = before.updated(kept) if before else ImageRecord(project=project, images=kept)
            if record != found:
                replace_file(folder / IMAGE_FILE, record.to_bytes())
    except OSError as error:
        built = ", ".join(image.reference or image.tag for image in images.values())
        raise ProjectError(
            f"{folder / IMAGE_FILE} cannot be written: {error.strerror}. What was built: {built}.",
            hint="Make the folder writable and start again; what was built is not built twice.",
        ) from error
    return record


def _keep(before: BuiltImage | None, image: BuiltImage) -> BuiltImage:
    if before is None or before.files != image.files:
        return image
    if image.reference is None:
        return before if before.reference else image
    return before if before.reference == image.reference else image


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder itself, so that no lock file is left in it. The system lets go when the process ends."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
