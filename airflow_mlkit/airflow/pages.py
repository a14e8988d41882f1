"""Where things are on Airflow's web page: the addresses of links, mails and questions."""

from __future__ import annotations

from urllib.parse import quote

from airflow.configuration import conf

PREFIX = "/mlkit"
"""Where the plugin's own pages begin."""


def absolute(path: str) -> str:
    """A path on Airflow's web page with its host, as `[api] base_url` has it; the path alone where that is not set."""
    return f"{(conf.get('api', 'base_url', fallback=None) or '').rstrip('/')}{path}"


def report_address(dag_id: str, run_id: str, step: str) -> str:
    """The page that a step has published. It stays the same when the step runs again."""
    return absolute(f"{PREFIX}/reports/{_quote(dag_id)}/{_quote(run_id)}/{_quote(step)}")


def pods_address(dag_id: str, run_id: str, step: str) -> str:
    """The page of the pods that a step has had."""
    return absolute(f"{PREFIX}/pods/{_quote(dag_id)}/{_quote(run_id)}/{_quote(step)}")


def dag_run_address(dag_id: str, run_id: str) -> str:
    """A Dag run in Airflow."""
    return absolute(f"/dags/{_quote(dag_id)}/runs/{_quote(run_id)}")


def question_address(dag_id: str, run_id: str, task_id: str) -> str:
    """Where a person answers what a task asks."""
    return f"{dag_run_address(dag_id, run_id)}/tasks/{_quote(task_id)}/required_actions"


def login_address(back_to: str) -> str:
    """Where one logs in, and comes back from."""
    return f"{absolute('/api/v2/auth/login')}?next={_quote(back_to)}"


def _quote(part: str) -> str:
    return quote(part, safe="")
