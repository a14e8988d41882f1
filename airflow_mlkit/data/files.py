"""The files of a source: one file, a folder or a glob; local, `gs://` or `s3://`; compressed or not."""

from __future__ import annotations

import glob
import lzma
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

import pyarrow as pa
from upath import UPath

from airflow_mlkit.exceptions import SourceError, UserError
from airflow_mlkit.extras import BUCKET_EXTRAS, needs_extra

Format = Literal["csv", "parquet"]

_FORMATS: dict[str, Format] = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".parquet": "parquet", ".pq": "parquet"}
_COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4", ".xz": "xz"}
_GLOB = frozenset("*?[")
_NOT_THERE = "Correct the path in mlkit.yaml, or put the data there."
_NOT_REACHED = "Look at the bucket's name, its region, the network, and the keys in this process's environment."
_CLIENTS = frozenset({"aiobotocore", "aiohttp", "botocore", "gcsfs", "google", "s3fs"})
_NOT_ALLOWED = "Ask for access, or correct the path."


def open_path(uri: str) -> UPath:
    """A path on this machine or in a bucket, with its settings from the environment.

    Raises:
        MissingExtraError: when what reads that kind of bucket is not installed.
        UserError: when no reader knows the kind.
    """
    scheme = uri.partition("://")[0] if "://" in uri else ""
    try:
        with needs_extra(BUCKET_EXTRAS.get(scheme, "steps"), f"reading {scheme}://"):
            path = UPath(uri)
            path.fs  # noqa: B018  # imports the bucket's reader
    except ValueError:
        raise UserError(f"{uri}: no reader for {scheme}://.", hint="Use a local path, gs:// or s3://.") from None
    return path


def find_files(uri: str) -> list[UPath]:
    """The files that a path names, sorted by name; hidden files and those that begin with `_` are left out of a folder.

    Raises:
        SourceError: when there is none.
    """
    path = open_path(uri)
    with reading(path):
        return _look(path)


def _look(path: UPath) -> list[UPath]:
    if path.is_file():
        return [path]
    if path.is_dir():
        files = [file for file in path.rglob("*") if _is_shown(file, path) and file.is_file()]
        if not files:
            raise SourceError(f"{path} is a folder without files.", hint="Has the copy arrived? Put the data there.")
        return sorted(files, key=lambda file: file.path)
    if not _GLOB & set(path.path):
        raise SourceError(f"{path} is not there.", hint=_NOT_THERE)
    files = [file for file in _expand(path) if file.is_file()]
    if not files:
        raise SourceError(f"no file matches {path}.", hint=_NOT_THERE)
    return sorted(files, key=lambda file: file.path)


def _is_shown(file: UPath, folder: UPath) -> bool:
    inside = file.path[len(folder.path) :].strip("/")
    return not any(part.startswith(("_", ".")) for part in inside.split("/"))


def _expand(path: UPath) -> list[UPath]:
    if path.protocol in ("", "file"):
        return [UPath(name) for name in glob.glob(path.path, recursive=True)]  # noqa: PTH207  # Path.glob takes no absolute pattern
    return [UPath(f"{path.protocol}://{name}", **path.storage_options) for name in path.fs.glob(path.path)]


def format_of(path: UPath) -> Format | None:
    """The format that the file's name says, a compression's suffix left aside; None when it says none."""
    name = UPath(path).name.lower()
    suffixes = Path(name).suffixes
    if suffixes and suffixes[-1] in _COMPRESSIONS:
        suffixes = suffixes[:-1]
    return _FORMATS.get(suffixes[-1]) if suffixes else None


def common_format(files: list[UPath], declared: Format | None) -> Format:
    """The one format of all files.

    Raises:
        SourceError: when they differ, or a name does not say it.
    """
    if declared:
        return declared
    formats = {file: format_of(file) for file in files}
    for file, found in formats.items():
        if found is None:
            raise SourceError(f"{file}: neither .csv nor .parquet.", hint="Name data.source.format in mlkit.yaml.")
    by_format = {found: file for file, found in formats.items()}
    if len(by_format) > 1:
        raise SourceError(
            f"{by_format['csv']} is csv and {by_format['parquet']} is parquet; a source has one format.",
            hint="Keep one of them, or name the files with a glob such as data/*.parquet.",
        )
    return formats[files[0]] or "csv"


@contextmanager
def open_bytes(path: UPath) -> Iterator[Any]:
    """A file's bytes, decompressed by its suffix, as something with `read(n)` that pyarrow reads too.

    Raises:
        SourceError: when it is not there, may not be read, or its compression breaks off.
    """
    path = UPath(path)
    with reading(path), _open_raw(path) as file:
        yield file


@contextmanager
def reading(path: UPath, origin: str | None = None) -> Iterator[None]:
    """Turn what goes wrong while a file is read into a sentence.

    Raises:
        SourceError: when it is not there, may not be read, cannot be reached or breaks off.
    """
    shown = origin or str(path)
    try:
        yield
    except FileNotFoundError:
        raise SourceError(f"{shown} is not there.", hint=_NOT_THERE) from None
    except IsADirectoryError:
        raise SourceError(f"{shown} is a folder; a file is expected.", hint="Correct the path in mlkit.yaml.") from None
    except PermissionError:
        raise SourceError(f"{shown} may not be read: permission denied.", hint=_NOT_ALLOWED) from None
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise broken(shown, error) from None
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in _CLIENTS:
            raise
        # each kind of bucket has errors of its own for a host, a name or a key that is wrong
        raise SourceError(f"{shown} cannot be reached: {_first_line(error)}.", hint=_NOT_REACHED) from None


def broken(path: UPath | str, error: BaseException) -> SourceError:
    """The error for a file whose content breaks off or does not fit its suffix."""
    return SourceError(
        f"{path} cannot be read to its end: {_first_line(error)}.",
        hint="It is damaged or was copied by halves. Copy it again.",
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


@contextmanager
def _open_raw(path: UPath) -> Iterator[Any]:
    if path.is_dir():
        raise IsADirectoryError(str(path))
    compression = _COMPRESSIONS.get(path.suffix.lower())
    local = path.protocol in ("", "file")
    raw: IO[bytes] = pa.OSFile(path.path) if local else path.open("rb")
    with raw:
        if compression is None:
            yield raw
        elif compression == "xz":
            with lzma.open(raw) as file:
                yield file
        else:
            with pa.CompressedInputStream(raw, compression) as file:
                yield file
