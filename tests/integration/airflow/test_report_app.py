"""The pages of reports in Airflow's own API server: who may read them, and what they carry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from airflow_mlkit.rundir import PodRecord
from tests.integration.airflow.played import play

pytestmark = [pytest.mark.needs("airflow"), pytest.mark.usefixtures("airflow_database")]

PAGE = "<!doctype html><h1>held back</h1><script>fetch('/api/v2/connections')</script>"
HOSTILE = "it's {{ ds }} {% é"


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Any:
    """A retrain whose gate, evaluate and failed validation have pages, in a folder of a hostile name."""
    folder = tmp_path_factory.mktemp("reports") / HOSTILE
    folder.mkdir()
    pages = {"gate": {"gate_report.html": PAGE}, "evaluate": {"report.html": "<h1>roc_auc</h1>"}}
    return play(folder, {step: {"files": files} for step, files in pages.items()})


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    """Airflow's API server, with the plugin as its entry point brings it."""
    from airflow.api_fastapi.app import create_app, purge_cached_app
    from fastapi.testclient import TestClient

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__AUTH_MANAGER", "tests.integration.airflow.only_cards.OnlyCards")
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", "ana:viewer,nobody:user")
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "s" * 64)
        patch.setenv("AIRFLOW__API__BASE_URL", "http://testserver")
        purge_cached_app()
        yield TestClient(create_app(apps="core"), follow_redirects=False)
        purge_cached_app()


def as_user(name: str, role: str | None = "viewer") -> dict[str, str]:
    """The header of somebody who is logged in."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=name, role=role))
    return {"Authorization": f"Bearer {token}"}


def address(run: Any, step: str, dag_id: str = "cards-retrain") -> str:
    return f"/mlkit/reports/{dag_id}/{quote(run.dag_run.run_id, safe='')}/{step}"


def routes(app: Any) -> list[Any]:
    """Every route of the plugin's app, below whatever it is mounted."""
    mounted = [route.app for route in app.routes if getattr(route, "path", None) == "/mlkit"]
    assert len(mounted) == 1
    return list(mounted[0].routes)


def test_no_page_opens_for_a_caller_who_is_not_known(server, run):
    """Each route that there is, however it is asked."""
    found = routes(server.app)
    assert found
    for route in found:
        path = "/mlkit" + route.path.format(dag_id="cards-retrain", run_id=run.dag_run.run_id, step="gate")
        for method in route.methods:
            assert server.request(method, path).status_code == 401, (method, path)
            assert server.request(method, path, headers={"Authorization": "Bearer x"}).status_code == 403


def test_no_page_opens_for_a_user_who_may_not_read_the_dag(server, run):
    """Whether or not there is such a Dag: the answer is the same."""
    for route in routes(server.app):
        for dag_id in ("cards-predict", "nowhere"):
            path = "/mlkit" + route.path.format(dag_id=dag_id, run_id=run.dag_run.run_id, step="gate")
            for method in route.methods:
                assert server.request(method, path, headers=as_user("ana")).status_code == 403, (method, path)
    assert server.get(address(run, "gate"), headers=as_user("x", role=None)).status_code == 403


def test_a_reader_of_the_dag_sees_the_page_and_the_page_can_do_nothing(server, run):
    """It is of no origin, runs nothing and loads nothing; nobody keeps a copy."""
    response = server.get(address(run, "gate"), headers=as_user("ana"))
    assert (response.status_code, response.text) == (200, PAGE)
    rules = [rule.strip() for rule in response.headers["content-security-policy"].split(";")]
    assert {"sandbox", "default-src 'none'", "style-src 'unsafe-inline'", "img-src data:"} <= set(rules)
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert server.get(address(run, "promote"), headers=as_user("ana")).text == PAGE
    assert server.get(address(run, "evaluate"), headers=as_user("ana")).text == "<h1>roc_auc</h1>"


def test_the_pods_of_a_step_are_shown_and_their_words_stay_text(server, run):
    """What a cluster says of a pod may hold anything."""
    words = PodRecord(pod="cards-gate-1", size="small", cause="out_of_memory", said="<script>alert(1)</script>")
    run.run_directory.step("gate").add_pod(1, words)
    response = server.get(address(run, "gate").replace("/reports/", "/pods/"), headers=as_user("ana"))
    assert response.status_code == 200
    assert "cards-gate-1" in response.text
    assert "&lt;script&gt;alert(1)" in response.text
    assert "sandbox" in response.headers["content-security-policy"]
    none = server.get(address(run, "evaluate").replace("/reports/", "/pods/"), headers=as_user("ana"))
    assert "No pod of this step has ended yet." in none.text


def test_a_browser_that_is_not_logged_in_is_sent_to_the_login_and_back(server, run):
    """As Airflow's own pages do; a cookie that Airflow does not know is no better than none."""
    browser = {"Accept": "text/html,application/xhtml+xml"}
    expected = f"http://testserver/api/v2/auth/login?next={quote('http://testserver' + address(run, 'gate'), safe='')}"
    pods = address(run, "gate").replace("/reports/", "/pods/")
    back = server.get(pods, headers=browser).headers["location"]
    assert back == f"http://testserver/api/v2/auth/login?next={quote('http://testserver' + pods, safe='')}"
    for cookie in ({}, {"Cookie": "_token=rubbish"}):
        response = server.get(address(run, "gate"), headers={**browser, **cookie})
        assert (response.status_code, response.headers["location"]) == (303, expected)
    login = server.get(expected.removeprefix("http://testserver"))
    assert login.status_code in (302, 307), login.text
    assert "next=" in login.headers["location"]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("train", "There is no page of a step &#x27;train&#x27;"),
        ("validate", "the step validate has made no page"),
        ("..%2f..%2fetc", "Not Found"),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(server, run, step, said):
    """In a page for people, and never the file of a path."""
    response = server.get(address(run, step), headers={**as_user("ana"), "Accept": "text/html"})
    assert response.status_code == 404
    assert said in response.text


def test_a_run_that_airflow_does_not_know_has_no_page(server, run):
    """Though its folder may lie beside the others."""
    path = address(run, "gate").replace("manual", "%3Cscript%3Emanual")
    response = server.get(path, headers={**as_user("ana"), "Accept": "text/html"})
    assert response.status_code == 404
    assert "Airflow knows no run &lt;script&gt;" in response.text


def test_a_page_whose_run_was_cleaned_away_says_so(server, run):
    """Airflow still knows the Dag run, and its folder is gone."""
    root = Path(str(run.run_directory.root))
    away = root.rename(root.parent.parent / "away")
    try:
        response = server.get(address(run, "gate"), headers=as_user("ana"))
    finally:
        away.rename(root)
    assert response.status_code == 404
    assert "the run is gone" in response.json()["detail"]


def test_tasks_with_a_page_have_a_button_and_others_have_none(server, run):
    """Made by the API server: it is there before a task has ended, and no XCom can change it."""
    base = f"/api/v2/dags/cards-retrain/dagRuns/{quote(run.dag_run.run_id, safe='')}/taskInstances"
    found = {
        step: server.get(f"{base}/{step}/links", headers=as_user("ana")).json()["extra_links"] for step in run.states
    }
    buttons = {step: {"Report": f"http://testserver{address(run, step)}"} for step in ("gate", "promote", "evaluate")}
    buttons["validate"] = {"Report": f"http://testserver{address(run, 'validate')}"}
    assert found == {step: buttons.get(step, {}) for step in run.states}


def test_a_run_directory_is_never_taken_from_what_users_can_change(server, run):
    """Nothing of the kit's stands in XCom, where the API would let it be edited."""
    base = f"/api/v2/dags/cards-retrain/dagRuns/{quote(run.dag_run.run_id, safe='')}/taskInstances"
    entries = server.get(f"{base}/~/xcomEntries", headers=as_user("ana")).json()
    assert entries["xcom_entries"] == []
    assert Path(run.folder).name == HOSTILE
