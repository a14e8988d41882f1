"""The same checks on other versions than the ones of constraints.txt. Nothing here that `make` does not do at home."""

from __future__ import annotations

import nox

nox.options.default_venv_backend = "uv"
nox.options.sessions = ["tests", "airflow31", "core"]


@nox.session(python=["3.11", "3.12", "3.13"])
def tests(session: nox.Session) -> None:
    """Unit and integration tests on each Python that is installed."""
    session.install("-c", "constraints.txt", "-e", ".[all]", "--group", "dev")
    session.run("pytest", "tests/unit", "tests/integration", "-q", *session.posargs)


@nox.session(python="3.11")
def airflow31(session: nox.Session) -> None:
    """The Airflow room on the oldest Airflow that is supported."""
    session.install("-e", ".[steps,airflow]", "apache-airflow==3.1.8", "--group", "dev")
    session.run("pytest", "tests/unit/airflow", "tests/integration/airflow", "-q", *session.posargs)


@nox.session(python="3.11")
def core(session: nox.Session) -> None:
    """What is installed by `pip install airflow-mlkit` alone makes a project, and says what else to install."""
    session.install("-c", "constraints.txt", ".")
    session.run("mlkit", "new", "--help")
    session.run("mlkit", "schema")


@nox.session(python="3.11")
def dist(session: nox.Session) -> None:
    """The wheel carries the template, the charts and the licence."""
    session.install("build", "hatchling")
    session.run("python", "-m", "build", "--no-isolation", "--outdir", session.create_tmp())
