"""A real PostgreSQL for the tests that read from one or keep something in it."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

PASSWORD = "p@ss/w:rd %41"
"""With everything in it that has to be quoted in a URI."""


@dataclass(frozen=True)
class PostgreSQL:
    """A server that lives as long as the test session."""

    host: str
    port: int
    user: str = "mlkit"
    password: str = PASSWORD

    @property
    def uri(self) -> str:
        return f"postgresql://{self.user}:{quote(self.password, safe='')}@{self.host}:{self.port}/postgres"

    def execute(self, *statements: str) -> None:
        import psycopg

        with psycopg.connect(self.uri, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A server on a free port of the loopback, its data in a temporary folder. PostgreSQL refuses to run as root."""
    folder = Path(tempfile.mkdtemp(prefix="mlkit-postgresql-", dir="/tmp"))
    (folder / "password").write_text(PASSWORD)
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        for path in (folder, folder / "password"):
            os.chown(path, owner.pw_uid, owner.pw_gid)
    port = _free_port()
    server = None
    try:
        cluster = ["-D", str(folder / "data"), "-A", "scram-sha-256", "-U", "mlkit", "--no-sync"]
        _run("initdb", *cluster, f"--pwfile={folder / 'password'}")
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        server = _run("pg_ctl", "-D", str(folder / "data"), "-l", str(folder / "log"), "-o", options, "-w", "start")
        yield PostgreSQL("127.0.0.1", port)
    finally:
        if server:
            _run("pg_ctl", "-D", str(folder / "data"), "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def _run(program: str, *arguments: str) -> bool:
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*as_user, _find(program), *arguments], check=True, cwd="/tmp", stdout=subprocess.DEVNULL)
    return True


def _find(program: str) -> str:
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    return str(installed[-1]) if installed else program


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
