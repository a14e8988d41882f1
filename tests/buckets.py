"""Buckets of our own for a test, over real HTTP: moto as S3 and fake-gcs-server, with addresses in the environment."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from fsspec.asyn import AsyncFileSystem
from upath import UPath

from tests.cut_line import CutLine

Application = Callable[..., Any]

S3_KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}

NO_GOOGLE = {"GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false", "NO_GCE_CHECK": "true"}
"""gcsfs reads the first when it is imported, whoever imports it first."""

GCS_INSTALL = "go install github.com/fsouza/fake-gcs-server@v1.56.1"
_GO_BIN = Path(__file__).parents[1] / ".cache/bin"
"""Where .ci/run lets Go put it."""


def find_gcs_server() -> str | None:
    """The program that stands in for Google Cloud Storage; None where it is not installed."""
    return shutil.which("fake-gcs-server", path=os.pathsep.join([str(_GO_BIN), os.environ.get("PATH", "")]))


@contextmanager
def serve_bucket(
    name: str,
    around: Callable[[Application], Application] = lambda served: served,
    host: str = "127.0.0.1",
    through: CutLine | None = None,
) -> Iterator[UPath]:
    """A new bucket `s3://name` on a server of its own.

    Args:
        name: of the bucket.
        around: what stands between the server and those who ask it.
        host: another address than this machine's own, where others ask.
        through: the line that leads there.
    """
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    server = make_server(host, 0, around(DomainDispatcherApplication(create_backend_app)), threaded=True)
    serving = Thread(target=server.serve_forever, daemon=True)
    serving.start()
    address = f"http://{host}:{_lead(through, server.server_port)}"
    try:
        with _open_bucket(f"s3://{name}", S3_KEYS | {"AWS_ENDPOINT_URL": address}) as bucket:
            yield bucket
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


@contextmanager
def serve_gcs_bucket(name: str, through: CutLine | None = None) -> Iterator[UPath]:
    """A new bucket `gs://name` on a server of its own, and the line that leads there."""
    port = find_free_port()
    address = f"http://127.0.0.1:{_lead(through, port)}"
    binds = ["-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-external-url", address]
    keeps = ["-backend", "memory", "-public-host", f"127.0.0.1:{port}", "-log-level", "error"]
    server = subprocess.Popen([find_gcs_server() or "fake-gcs-server", *binds, *keeps])
    try:
        wait_for(f"http://127.0.0.1:{port}/storage/v1/b")
        with _open_bucket(f"gs://{name}", {"STORAGE_EMULATOR_HOST": address}) as bucket:
            yield bucket
    finally:
        server.terminate()
        server.wait(timeout=20)


def _lead(line: CutLine | None, port: int) -> int:
    if line is None:
        return port
    line.target = port
    return line.port


SERVED: dict[str, Callable[..., AbstractContextManager[UPath]]] = {"s3": serve_bucket, "gs": serve_gcs_bucket}
"""A new bucket by its protocol."""

EACH_STORE = ["s3", pytest.param("gs", marks=pytest.mark.needs("fake-gcs-server"))]
"""For a test that is run on every kind of bucket."""


@contextmanager
def _open_bucket(uri: str, environment: dict[str, str]) -> Iterator[UPath]:
    """Make a bucket on the server that the environment names.

    fsspec keeps one client for the life of a process, with the address of its first day: it is forgotten on both
    sides, or a test of the next server would knock at a closed door.
    """
    with pytest.MonkeyPatch.context() as patch:
        # gcsfs asks a Google that is not there: for the kind of bucket a minute, for credentials some seconds
        for variable, value in {**environment, **NO_GOOGLE}.items():
            patch.setenv(variable, value)
        _forget_clients()
        bucket = UPath(uri, use_listings_cache=False)
        bucket.fs.mkdir(uri.partition("://")[2])
        try:
            yield bucket
        finally:
            _forget_clients()


def _forget_clients() -> None:
    for kind in AsyncFileSystem.__subclasses__():
        kind.clear_instance_cache()


def wait_for(address: str, seconds: float = 20) -> None:
    """Until a server answers."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urlopen(address):
                return
        except URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
