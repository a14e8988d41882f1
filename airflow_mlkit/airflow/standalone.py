"""A local Airflow: started, asked over its REST API, and ended with all its processes. Imports no Airflow itself."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import httpx

from airflow_mlkit.exceptions import MLKitError

HOST = "127.0.0.1"
USER = "admin"
COMPONENTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")
FINAL = ("success", "failed")

EXPORTED = ("AIRFLOW_CONN_", "AIRFLOW_VAR_")
"""What a user exports for his own Dags; every other variable of Airflow says how somebody's Airflow is run."""

START_SECONDS = 300.0
"""A start takes 10 seconds on a quiet machine, and more than 120 on one that is busy with much else."""

STOP_SECONDS = 30.0
"""A clean end takes 6 to 13 seconds; what is left after this is killed."""

SETTINGS = {
    "CORE__LOAD_EXAMPLES": "False",
    "CORE__EXECUTOR": "LocalExecutor",
    "CORE__PARALLELISM": "4",  # 32 by default, a process each
    "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",  # 1 s by default, between any two steps
    "DAG_PROCESSOR__REFRESH_INTERVAL": "10",
    "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5",
    "API__HOST": HOST,
    "API__WORKERS": "1",
    "USAGE_DATA_COLLECTION__ENABLED": "False",
}

READ_SECONDS, WRITE_SECONDS = 120.0, 30.0
"""How long the API server may take: on a busy machine half a minute was not enough for a reading."""


class LocalAirflowError(MLKitError):
    """Raised when the local Airflow does not start, or refuses a request."""


class LocalAirflow:
    """`airflow standalone` on SQLite in a folder of its own, on this machine only.

    Args:
        home: AIRFLOW_HOME; made when it is not there. Its database and its login are kept from one start to the next.
        dags_folder: where Dag files lie.
        port: for the web page; another one is taken when it is in use, and a free one when it is not given.
        extra_env: environment variables over those of this process and over the settings above.
        people: further users, who may answer what they are asked; they share the password of `user`.
    """

    def __init__(
        self,
        home: Path | str,
        dags_folder: Path | str,
        port: int | None = None,
        extra_env: Mapping[str, str] | None = None,
        people: Sequence[str] = (),
    ) -> None:
        self.home = Path(home).resolve()
        self.dags_folder = Path(dags_folder).resolve()
        self.port = port if port and _is_free(port) else _free_port()
        self.user = USER
        # Airflow's list of users has name:role, with commas between
        self.people = [name for name in people if name != USER and not set(name) & set(",:")]
        self._extra_env = dict(extra_env or {})
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where the web page is."""
        return f"http://{HOST}:{self.port}"

    @property
    def log_file(self) -> Path:
        """What the processes write."""
        return self.home / "standalone.log"

    @cached_property
    def password(self) -> str:
        """The password of `user`: made up at the first start and kept, readable by the owner only."""
        path = self._password_file
        known: dict[str, str] = {}
        with suppress(FileNotFoundError):
            known = json.loads(path.read_text())
        password = known.get(USER) or secrets.token_urlsafe(9)
        wanted = {**known, **dict.fromkeys([USER, *self.people], password)}
        if wanted != known:
            self.home.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                json.dump(wanted, file)
        return password

    def start(self) -> None:
        """Start the processes, in a session of their own; returns at once."""
        if self._process is not None:
            raise LocalAirflowError("This Airflow was started already.")
        environment = self.environment()
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "airflow", "standalone"],
                cwd=self.home,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_heed_interrupts,  # noqa: PLW1509  # a shell's & has them ignored, and so would Airflow
            )

    def wait_healthy(self, timeout: float = START_SECONDS) -> None:
        """Wait until every component has reported itself.

        Raises:
            LocalAirflowError: when one has not within `timeout` seconds, or Airflow ended.
        """
        deadline = time.monotonic() + timeout
        while missing := self.find_missing():
            self.check_running()
            if time.monotonic() > deadline:
                silent = " and ".join(missing)
                raise LocalAirflowError(
                    f"Airflow was not ready after {timeout:.0f} seconds: nothing was heard of its {silent}.",
                    hint=self._log_hint,
                )
            time.sleep(0.2)

    def find_missing(self) -> list[str]:
        """The components that have not reported themselves, by Airflow's names; the API server knows of the others."""
        try:
            health = httpx.get(f"{self.url}/api/v2/monitor/health", timeout=3).json()
        except (httpx.HTTPError, ValueError):
            return ["api_server"]
        return [name for name in COMPONENTS if health.get(name, {}).get("status") != "healthy"]

    def wait_for_dag(self, dag_id: str, timeout: float = START_SECONDS) -> None:
        """Wait until a Dag was parsed.

        Raises:
            LocalAirflowError: when it was not within `timeout` seconds; with the import errors there are.
        """
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if dag_id in self.dags():
                return
            time.sleep(0.3)
        errors = "\n".join(error["stack_trace"].strip() for error in self.import_errors())
        raise LocalAirflowError(f"There is no Dag {dag_id} after {timeout:.0f} seconds.\n{errors}".strip())

    def stop(self) -> None:
        """End all processes; returns when there are none. Calling it again does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.send_signal(signal.SIGINT)  # to the parent only: it ends its children in order
            deadline = time.monotonic() + STOP_SECONDS
            while process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)
        finally:  # a second Ctrl-C comes through here too
            _kill_session(process.pid)
            process.wait()

    def check_running(self) -> None:
        """Do nothing while Airflow runs.

        Raises:
            LocalAirflowError: when it has ended by itself.
        """
        if self._process is None or self._process.poll() is not None:
            raise LocalAirflowError(f"Airflow has ended by itself:\n{self._log_tail()}", hint=self._log_hint)

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None, logical_date: datetime | None = None) -> str:
        """Start a run of a Dag, which is unpaused for it. Returns the run's id."""
        self.request("PATCH", f"/api/v2/dags/{quote(dag_id)}", json={"is_paused": False})
        body = {"conf": dict(conf or {}), "logical_date": logical_date.isoformat() if logical_date else None}
        return str(self.request("POST", f"/api/v2/dags/{quote(dag_id)}/dagRuns", json=body)["dag_run_id"])

    def wait(self, dag_id: str, run_id: str, timeout: float = 600.0) -> str:
        """Wait until a run has ended. Returns its state: success or failed.

        Raises:
            LocalAirflowError: when it has not within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            state = str(self.dag_run(dag_id, run_id)["state"])
            if state in FINAL:
                return state
            time.sleep(0.2)
        raise LocalAirflowError(f"The run {run_id} of {dag_id} has not ended after {timeout:.0f} seconds.")

    def dag_run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """A run of a Dag, as the REST API gives it."""
        return self.request("GET", _run_path(dag_id, run_id))

    def task_instances(self, dag_id: str, run_id: str) -> dict[str, dict[str, Any]]:
        """The task instances of a run, by task id, as the REST API gives them."""
        found = self.request("GET", f"{_run_path(dag_id, run_id)}/taskInstances")
        return {instance["task_id"]: instance for instance in found["task_instances"]}

    def dags(self) -> dict[str, dict[str, Any]]:
        """The Dags that Airflow knows, by their ids, as the REST API gives them."""
        return {dag["dag_id"]: dag for dag in self.request("GET", "/api/v2/dags", params={"limit": 1000})["dags"]}

    def import_errors(self) -> list[dict[str, Any]]:
        """What Airflow could not import: each with `filename` and `stack_trace`."""
        return list(self.request("GET", "/api/v2/importErrors")["import_errors"])

    def token(self) -> str:
        """A bearer token for the REST API.

        Raises:
            LocalAirflowError: when Airflow refuses the login.
        """
        answer = self._send("POST", "/auth/token", json={"username": self.user, "password": self.password})
        return str(answer["access_token"])

    def request(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """One request to the REST API, logged in. Returns the answer's JSON.

        Raises:
            LocalAirflowError: when it is refused, or nobody answers.
        """
        return self._send(method, path, headers={"Authorization": f"Bearer {self._token}"}, **options)

    @cached_property
    def _token(self) -> str:
        return self.token()

    def _send(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        patience = READ_SECONDS if method == "GET" else WRITE_SECONDS
        try:
            answer = httpx.request(method, f"{self.url}{path}", timeout=patience, **options)
        except httpx.HTTPError as error:
            raise LocalAirflowError(f"Airflow at {self.url} does not answer: {error}", hint=self._log_hint) from error
        if answer.is_error:
            raise LocalAirflowError(f"Airflow refused {method} {path}: {answer.status_code} {answer.text[:500]}")
        return dict(answer.json()) if answer.content else {}

    @property
    def _password_file(self) -> Path:
        return self.home / "passwords.json"

    def environment(self) -> dict[str, str]:
        """What its processes see: nobody else's Airflow but the connections and variables that a user exported."""
        assert self.password
        # without bytecode every process compiles Airflow anew: seconds for each
        unwanted = ("AIRFLOW", "_AIRFLOW", "PYTHONDONTWRITEBYTECODE")
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name.startswith(EXPORTED) or not name.startswith(unwanted)
        }
        settings = {
            **SETTINGS,
            "CORE__DAGS_FOLDER": str(self.dags_folder),
            "CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join([f"{USER}:admin", *(f"{name}:user" for name in self.people)]),
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self._password_file),
            "API__PORT": str(self.port),
            "API__BASE_URL": self.url,
            "LOGGING__WORKER_LOG_SERVER_PORT": str(_free_port()),
            "LOGGING__TRIGGER_LOG_SERVER_PORT": str(_free_port()),
            "MLKIT__PYTHON": sys.executable,
        }
        scripts = str(Path(sys.executable).parent)  # `airflow standalone` looks for `airflow` there
        return {
            **inherited,
            "AIRFLOW_HOME": str(self.home),
            "PATH": os.pathsep.join([scripts, inherited.get("PATH", os.defpath)]),
            **{f"AIRFLOW__{name}": value for name, value in settings.items()},
            **self._extra_env,
        }

    @property
    def _log_hint(self) -> str:
        return f"Its log is {self.log_file}."

    def _log_tail(self) -> str:
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-15:])


def _run_path(dag_id: str, run_id: str) -> str:
    return f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}"


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _kill_session(leader: int) -> None:
    """Kill what is left of a session, until nothing is: a process may start another one meanwhile."""
    while left := _session(leader):
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def _session(leader: int) -> list[int]:
    """The processes of a session that still run."""
    listing = subprocess.run(["ps", "-axo", "pid=,stat="], capture_output=True, text=True, check=True).stdout
    alive = [int(pid) for pid, state in map(str.split, listing.splitlines()) if not state.startswith("Z")]
    return [pid for pid in alive if _session_of(pid) == leader]


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
