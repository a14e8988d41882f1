"""A real image registry on the loopback, and a storage of images that is not the machine's own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from tests.kubernetes import find_program

REGISTRY_INSTALL = "apt-get install docker-registry, or tests/cluster/build.sh, which builds it"

_CONFIG = """
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: "{folder}"}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


@dataclass(frozen=True)
class Registry:
    """A registry that is running."""

    address: str

    def has(self, reference: str) -> bool:
        """Whether it has an image, by `name@digest`."""
        name, _, digest = reference.removeprefix(f"{self.address}/").partition("@")
        kinds = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
        request = urllib.request.Request(
            f"http://{self.address}/v2/{name}/manifests/{digest}", headers={"Accept": kinds}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return bool(answer.headers["Docker-Content-Digest"] == digest)
        except urllib.error.HTTPError:
            return False


def find_registry() -> str | None:
    """The program: as tests/cluster builds it, as its makers or as Debian name it."""
    return shutil.which(find_program("registry")) or shutil.which("docker-registry")


@contextmanager
def serve_registry(folder: Path) -> Iterator[Registry]:
    """A registry that keeps its images in a folder of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "config.yml").write_text(_CONFIG.format(folder=folder / "data", port=port))
    program = find_registry()
    assert program
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([program, "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    try:
        _await(port, process, folder / "log")
        yield Registry(f"127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(30)


class _Refusal(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        said = b'{"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}'
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="tests"')
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(said)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_GET  # noqa: N815  # as http.server names them

    def log_message(self, *_: object) -> None:
        """Nothing: the test reads what the client says."""


@contextmanager
def refuse_everybody() -> Iterator[Registry]:
    """What a registry answers to whoever is not logged in."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Refusal) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield Registry(f"127.0.0.1:{server.server_port}")
        server.shutdown()


def _await(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"the registry did not start: {log.read_text()}")


def keep_images_in(folder: Path) -> dict[str, str]:
    """The environment in which buildah keeps images in a folder and speaks plain HTTP to registries on the loopback."""
    storage = f'driver = "overlay"\ngraphroot = "{folder}/images"\nrunroot = "{folder}/run"\n'
    unmounted = '[storage.options.overlay]\nskip_mount_home = "true"\n'  # else the folder cannot be removed
    plain_http = 'prefix = "127.0.0.1"\nlocation = "127.0.0.1"\ninsecure = true\n'
    (folder / "storage.conf").write_text(f"[storage]\n{storage}{unmounted}")
    (folder / "registries.conf").write_text(f"[[registry]]\n{plain_http}")
    (folder / "auth.json").write_text("{}")
    return {
        **os.environ,
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
        "CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf"),
        "BUILDAH_RUNTIME": "runc",
        "REGISTRY_AUTH_FILE": str(folder / "auth.json"),
    }
