"""The same checks on other versions than the ones of constraints.txt. Nothing here that `make` does not do at home."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv"
nox.options.sessions = ["tests", "airflow31", "core", "dist"]

TEMPLATE = "_shipped/templates/golden-path"
PROJECT = f"{TEMPLATE}/{{{{cookiecutter.name}}}}"
IN_THE_WHEEL = {
    "py.typed",
    "evaluation/report.html.j2",
    "spec/schemas/mlkit.schema.json",
    "spec/schemas/platform.schema.json",
    "validation/data_docs.css",
    "_shipped/charts/README.md",
    "_shipped/commit.txt",
    "_shipped/constraints.txt",
    f"{TEMPLATE}/cookiecutter.json",
    f"{TEMPLATE}/hooks/pre_gen_project.py",
    f"{PROJECT}/.gitignore",
    f"{PROJECT}/.github/workflows/ci.yml",
    f"{PROJECT}/mlkit.yaml",
    f"{PROJECT}/{{{{cookiecutter.__package}}}}/workflow.py",
}
IN_THE_SDIST = {
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "constraints.txt",
    "hatch_build.py",
    "pyproject.toml",
    *(f"airflow_mlkit/{name}" for name in IN_THE_WHEEL if not name.startswith("_shipped")),
    *(name.removeprefix("_shipped/") for name in IN_THE_WHEEL if name.startswith("_shipped/templates")),
}
ENTRY_POINTS = {"apache_airflow_provider": "provider_info", "airflow.plugins": "mlkit", "console_scripts": "mlkit"}


@nox.session(python=["3.11", "3.12", "3.13"])
def tests(session: nox.Session) -> None:
    """Unit and integration tests on each Python that is installed."""
    session.install("-c", "constraints.txt", "-e", ".[all]", "--group", "dev")
    session.run("pytest", *(session.posargs or ["tests/unit", "tests/integration", "-q"]))


@nox.session(python="3.11")
def airflow31(session: nox.Session) -> None:
    """The Airflow room on the oldest Airflow that is supported."""
    # constraints.txt is made for a newer Airflow; the date keeps what is resolved here the same from day to day
    session.install(
        "--exclude-newer", "2026-11-20", "-e", ".[steps,airflow]", "apache-airflow==3.1.*", "--group", "dev"
    )
    tests = ("tests/unit/airflow", "tests/unit/rundir", "tests/integration/airflow")
    session.run("pytest", *tests, "-q", *session.posargs)


@nox.session(python="3.11")
def core(session: nox.Session) -> None:
    """What `pip install airflow-mlkit` alone brings makes a project that is valid, and says what else to install."""
    session.install("-c", "constraints.txt", str(_build(session, "wheel")))
    folder = Path(session.create_tmp())
    visits = ((row * 37 % 90, row * 11 % 53) for row in range(400))
    rows = "".join(f"{minutes},{pages},{'yes' if minutes + pages > 80 else 'no'}\n" for minutes, pages in visits)
    (folder / "visits.csv").write_text(f"minutes,pages,bought\n{rows}", encoding="utf-8")
    answers = ("--name", "visits", "--data", "visits.csv", "--label", "bought")
    session.chdir(folder)
    session.run("rm", "-rf", "visits", external=True)
    session.run("mlkit", "new", "--no-input", *answers)
    session.run("mlkit", "check", "visits")
    said = session.run("mlkit", "run", "--project", "visits", silent=True, success_codes=[2])
    if "pip install 'airflow-mlkit[steps]'" not in str(said):
        session.error(f"mlkit run does not say what to install:\n{said}")


@nox.session(python="3.11")
def dist(session: nox.Session) -> None:
    """The wheel and the sdist hold all that an installed kit needs, and the licence."""
    wheel, sdist = _build(session, "wheel"), _build(session, "sdist")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        info = next(name.partition("/")[0] for name in names if ".dist-info/" in name)
        entries = archive.read(f"{info}/entry_points.txt").decode()
    _must_hold(session, wheel, names, {f"airflow_mlkit/{name}" for name in IN_THE_WHEEL} | {f"{info}/licenses/LICENSE"})
    _must_hold(
        session, wheel, set(entries.split()), {f"[{group}]" for group in ENTRY_POINTS} | {*ENTRY_POINTS.values()}
    )
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    _must_hold(session, sdist, inside, IN_THE_SDIST)
    session.install("twine")
    session.run("twine", "check", "--strict", str(wheel), str(sdist))


def _build(session: nox.Session, kind: str) -> Path:
    """Build one distribution from the checkout, in a folder of its own."""
    folder = Path(session.create_tmp()) / kind
    session.run("uv", "build", "--quiet", f"--{kind}", "--clear", "--out-dir", str(folder), external=True)
    return next(path for path in folder.iterdir() if path.name.startswith("airflow_mlkit"))


def _must_hold(session: nox.Session, path: Path, found: set[str], wanted: set[str]) -> None:
    if wanted - found:
        session.error(f"{path.name} lacks {', '.join(sorted(wanted - found))}")
