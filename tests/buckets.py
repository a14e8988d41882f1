"""An S3 server of our own for a test: moto over real HTTP, its address and keys in the environment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import pytest
from moto.server import DomainDispatcherApplication, create_backend_app
from s3fs import S3FileSystem
from upath import UPath
from werkzeug.serving import make_server

Application = Callable[..., Any]


@contextmanager
def serve_bucket(name: str, around: Callable[[Application], Application] = lambda served: served) -> Iterator[UPath]:
    """A new bucket `name` on a server of its own.

    fsspec keeps one client for the life of a process, with the address of its first day: it is forgotten on both
    sides, or a test of the next server would knock at a closed door.
    """
    server = make_server("127.0.0.1", 0, around(DomainDispatcherApplication(create_backend_app)), threaded=True)
    serving = Thread(target=server.serve_forever, daemon=True)
    serving.start()
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in environment.items():
            patch.setenv(variable, value)
        S3FileSystem.clear_instance_cache()
        bucket = UPath(f"s3://{name}", use_listings_cache=False)
        bucket.fs.mkdir(name)
        try:
            yield bucket
        finally:
            S3FileSystem.clear_instance_cache()
            server.shutdown()
            serving.join()
            server.server_close()
