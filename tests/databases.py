"""A real PostgreSQL of our own, for tests and benchmarks that read from one or keep something in it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tests.buckets import find_free_port

PASSWORD = "p@ss/w:rd %41"
"""With everything in it that has to be quoted in a URI."""


@dataclass(frozen=True)
class PostgreSQL:
    """A server, and where its data lies."""

    folder: Path
    host: str
    port: int
    user: str = "mlkit"
    password: str = PASSWORD

    @property
    def uri(self) -> str:
        return f"postgresql://{self.user}:{quote(self.password, safe='')}@{self.host}:{self.port}/postgres"

    @property
    def mlflow_uri(self) -> str:
        """The same as SQLAlchemy has it, with the driver that is installed."""
        return self.uri.replace("postgresql://", "postgresql+psycopg://")

    @property
    def airflow_settings(self) -> dict[str, str]:
        """What makes it Airflow's database: SQLite refuses who writes beside others."""
        return {
            f"AIRFLOW__DATABASE__{name}": self.mlflow_uri for name in ("SQL_ALCHEMY_CONN", "SQL_ALCHEMY_CONN_ASYNC")
        }

    def execute(self, *statements: str) -> None:
        import psycopg

        with psycopg.connect(self.uri, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses={self.host} -c fsync=off"
        log, data = str(self.folder / "log"), str(self.folder / "data")
        _run("pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "start")

    def stop(self) -> None:
        _run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "stop")


@contextmanager
def serve_postgresql() -> Iterator[PostgreSQL]:
    """A server on a free port of the loopback, its data in a temporary folder. PostgreSQL refuses to run as root."""
    folder = Path(tempfile.mkdtemp(prefix="mlkit-postgresql-", dir="/tmp"))
    (folder / "password").write_text(PASSWORD)
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        for path in (folder, folder / "password"):
            os.chown(path, owner.pw_uid, owner.pw_gid)
    server = PostgreSQL(folder, "127.0.0.1", find_free_port())
    try:
        cluster = ["-D", str(folder / "data"), "-A", "scram-sha-256", "-U", "mlkit", "--no-sync"]
        _run("initdb", *cluster, f"--pwfile={folder / 'password'}")
        server.start()
        yield server
    finally:
        if (folder / "data/postmaster.pid").exists():
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _run(program: str, *arguments: str) -> None:
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*as_user, _find(program), *arguments], check=True, cwd="/tmp", stdout=subprocess.DEVNULL)


def _find(program: str) -> str:
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    return str(installed[-1]) if installed else program
