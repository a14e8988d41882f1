"""Where run directories may lie: a folder on this machine, `gs://` or `s3://`."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from upath import UPath

from airflow_mlkit.exceptions import RunDirectoryError
from airflow_mlkit.extras import BUCKET_EXTRAS, find_errors, import_extra

_BUCKETS = {"s3": "s3fs", "gs": "gcsfs"}
"""For each kind of bucket the module that opens it."""


def open_place(uri: UPath | Path | str) -> UPath:
    """A path that is read afresh each time: a listing kept from before would hide what another process has written.

    Raises:
        RunDirectoryError: when no run can lie there.
        MissingExtraError: when what opens this kind of bucket is not installed.
    """
    if isinstance(uri, UPath) and not is_local(uri):
        return uri
    protocol, separator, bucket = str(uri).partition("://")
    if not separator or protocol == "file":
        return UPath(bucket if separator else Path(str(uri)).absolute())
    if protocol not in _BUCKETS or not bucket.strip("/"):
        raise RunDirectoryError(
            f"{uri} is no place for a run.", hint="Name a folder, gs://bucket/... or s3://bucket/..."
        )
    import_extra(_BUCKETS[protocol], extra=BUCKET_EXTRAS[protocol], purpose=f"{protocol}://")
    # a store keeps a//b apart from a/b, and lists it elsewhere
    return UPath(f"{protocol}://{re.sub('/+', '/', bucket)}", use_listings_cache=False)


def is_local(path: UPath) -> bool:
    """Whether a path lies on this machine's file system."""
    return path.protocol in ("", "file")


def make_folder(path: Path) -> None:
    """Make a folder on this machine, and those above it that are not there.

    Whoever may write into the one that is there may write into the new ones: on a volume the steps and Airflow's
    workers are different users, and each of them adds to what the other has made.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        try:
            folder.mkdir()
        except FileExistsError:  # somebody else was faster
            continue
        others = folder.parent.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if others:
            folder.chmod(stat.S_IMODE(folder.stat().st_mode) | others)


def store_errors() -> tuple[type[Exception], ...]:
    """What a folder or a bucket raises that is away, refuses, or is not there.

    s3fs turns the answers of a store into errors of the operating system, and lets through what kept it from getting
    one: a server that is away, a name that is none, credentials that are missing.
    """
    return (OSError, *library_errors())


def library_errors() -> tuple[type[Exception], ...]:
    """What the libraries that ask a bucket raise themselves; some is an OSError too, with an `errno` or without."""
    return find_errors(
        ("botocore.exceptions", "BotoCoreError"),
        ("boto3.exceptions", "Boto3Error"),
        ("aiohttp", "ClientError"),
        ("gcsfs.retry", "HttpError"),
        ("google.auth.exceptions", "GoogleAuthError"),
    )
