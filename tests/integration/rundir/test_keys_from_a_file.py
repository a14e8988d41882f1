"""A bucket's key out of a Secret, which a pod has as a file."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

READ = """
from airflow_mlkit.rundir.place import open_place
print((open_place("gs://runs/cards") / "spec.json").read_text())
"""


class Google(BaseHTTPRequestHandler):
    """Gives a token to whoever signs with a key, and an object to whoever has that token."""

    def do_POST(self) -> None:
        self._answer({"access_token": "signed-for", "expires_in": 3600, "token_type": "Bearer"})

    def do_GET(self) -> None:
        known = self.headers.get("Authorization") == "Bearer signed-for"
        described = {"bucket": "runs", "name": "cards/spec.json", "size": "2", "timeCreated": "2026-11-01T00:00:00Z"}
        described |= {"updated": "2026-11-01T00:00:00Z", "generation": "1"}
        self._answer({} if "alt=media" in self.path else described, 200 if known else 401)

    def _answer(self, body: Any, status: int = 200) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@contextmanager
def serve_google() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Google)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def service_account(google: str) -> str:
    """A key as Google hands it out, indented, with line breaks."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "acme",
            "private_key_id": "1",
            "private_key": private.decode(),
            "client_email": "steps@acme.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": f"{google}/token",
        },
        indent=2,
    )


def read_with(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """In a process of its own, as a step: fsspec reads the environment when it is imported."""
    return subprocess.run([sys.executable, "-c", READ], env=environment, capture_output=True, text=True, timeout=120)


def test_the_key_of_a_service_account_is_taken_from_the_file_that_the_page_names(tmp_path: Path) -> None:
    quickly = {"GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}  # it asks for the kind of a bucket by gRPC, for a minute
    key = tmp_path / "key.json"
    with serve_google() as google:
        key.write_text(service_account(google))
        named = {"STORAGE_EMULATOR_HOST": google, "GOOGLE_APPLICATION_CREDENTIALS": str(key)}
        ended = read_with(quickly | named)
    assert (ended.stdout.strip(), ended.returncode) == ("{}", 0), ended.stderr[-2000:]
