"""`mlkit airflow`: address and login in the terminal, and no process when it has ended."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from airflow_mlkit.airflow.standalone import LocalAirflow, LocalAirflowError
from tests.projects import build_project

pytestmark = [pytest.mark.needs("airflow"), pytest.mark.timeout(600)]

DAG_FILE = "from airflow_mlkit.airflow import pipeline_dags\n\nglobals().update(pipeline_dags(__file__))\n"


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def left_in(folder: Path) -> list[str]:
    """The processes that still know a folder from their environment."""
    left = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"AIRFLOW_HOME={folder}".encode() in (process / "environ").read_bytes():
                left.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue
    return left


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_and_ends_with_all_its_processes(tmp_path, number):
    """Whichever way it is ended, on another port when the wanted one is taken, with a login that works."""
    folder = build_project(tmp_path / "cards", rows=10)
    (folder / "dags").mkdir()
    (folder / "dags" / "cards.py").write_text(DAG_FILE)
    home = folder / ".mlkit" / "airflow"
    with taken_port() as port, (tmp_path / "out.txt").open("w") as out:
        command = [sys.executable, "-m", "airflow_mlkit", "airflow", "--project", str(folder), "--port", str(port)]
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, "COLUMNS": "200"}, start_new_session=True
        )
        url, user, password = wait_for_address(process, tmp_path / "out.txt")
        assert not url.endswith(f":{port}")
        answer = httpx.post(f"{url}/auth/token", json={"username": user, "password": password}, timeout=30)
        assert answer.status_code == 201
        assert left_in(home)
        process.send_signal(number)
        assert process.wait(60) == 0
    assert left_in(home) == []
    passwords = home / "passwords.json"
    assert (json.loads(passwords.read_text()), passwords.stat().st_mode & 0o777) == ({user: password}, 0o600)


def test_a_start_that_takes_too_long_names_the_component(tmp_path):
    """Instead of a user who waits and wonders."""
    with LocalAirflow(tmp_path / "home", tmp_path) as local, pytest.raises(LocalAirflowError) as caught:
        local.wait_healthy(0)
    assert str(caught.value).startswith("Airflow was not ready after 0 seconds: nothing was heard of its api_server.")
    assert caught.value.hint == f"Its log is {local.log_file}."


def wait_for_address(process: subprocess.Popen[bytes], out: Path) -> tuple[str, str, str]:
    deadline = time.monotonic() + 360
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"(http://127\.0\.0\.1:\d+)\S*\s+login\s+(\S+) / (\S+)", out.read_text())
        if found:
            return found[1], found[2], found[3]
        time.sleep(0.2)
    (log,) = out.parent.glob("**/standalone.log")
    raise AssertionError(f"{out.read_text()}\n{log.read_text()[-5000:]}")
