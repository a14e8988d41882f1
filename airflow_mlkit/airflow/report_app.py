"""The plugin's web pages: the reports of a Dag run and the pods of its steps, for those who may read the Dag."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import get_user, requires_access_dag
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import HTMLResponse, RedirectResponse

from airflow_mlkit.airflow.dag_run_place import find_dag_run_place
from airflow_mlkit.airflow.pages import PREFIX, login_address, pods_address, report_address
from airflow_mlkit.airflow.reports import PAGES, read_pods, read_report
from airflow_mlkit.exceptions import MLKitError

HEADERS = {
    # a page that a training process wrote runs nothing, loads nothing, and is of no origin: Airflow's cookie and API
    # are out of its reach
    "Content-Security-Policy": (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

# Airflow lets anybody into a plugin's app: the app asks who it is, and each route what he may
router = APIRouter()


def build_app() -> FastAPI:
    """The app that Airflow's API server mounts under `pages.PREFIX`."""
    app = FastAPI(
        title="airflow-mlkit", docs_url=None, redoc_url=None, openapi_url=None, dependencies=[Depends(get_user)]
    )
    app.include_router(router)
    for status in (401, 403, 404):
        app.add_exception_handler(status, _answer_refusal)
    return app


# the same right as Airflow's own links of a task
_MAY_READ = [Depends(requires_access_dag("GET", DagAccessEntity.TASK_INSTANCE))]


@router.get("/reports/{dag_id}/{run_id}/{step}", response_class=HTMLResponse, dependencies=_MAY_READ)
def show_report(dag_id: str, run_id: str, step: str, session: SessionDep) -> HTMLResponse:
    """The page that a step of a Dag run has made last."""
    if step not in PAGES:
        raise HTTPException(404, f"There is no page of a step {step!r}; there are those of {', '.join(PAGES)}.")
    run_dir = _find_run(dag_id, run_id, step, session)
    return _answer(lambda: read_report(run_dir, step))


@router.get("/pods/{dag_id}/{run_id}/{step}", response_class=HTMLResponse, dependencies=_MAY_READ)
def show_pods(dag_id: str, run_id: str, step: str, session: SessionDep) -> HTMLResponse:
    """The pods that a step of a Dag run has had."""
    run_dir = _find_run(dag_id, run_id, step, session)
    return _answer(lambda: read_pods(run_dir, step, run_id))


def _answer(read: Callable[[], bytes | str]) -> HTMLResponse:
    try:
        return HTMLResponse(read(), headers=HEADERS)
    except MLKitError as error:
        raise HTTPException(404, str(error)) from None


def _find_run(dag_id: str, run_id: str, step: str, session: SessionDep) -> str:
    run_dir = find_dag_run_place(dag_id, run_id, step, session)
    if run_dir is None:
        raise HTTPException(404, f"Airflow knows no run {run_id} of {dag_id} with a step {step} of this kit.")
    return run_dir


async def _answer_refusal(request: Request, error: Any) -> Response:
    """A sentence; for a person in a browser who is not logged in the login, which leads back here."""
    if "text/html" not in request.headers.get("accept", ""):
        return await http_exception_handler(request, error)
    is_unknown = error.status_code == 401 or (error.status_code == 403 and error.detail == "Invalid JWT token")
    if is_unknown and {"dag_id", "run_id", "step"} <= request.path_params.keys():
        find_address = pods_address if f"{PREFIX}/pods/" in request.url.path else report_address
        login = login_address(find_address(**request.path_params))
        return RedirectResponse(login, 303, {"Cache-Control": "no-store"})
    said = html.escape(str(error.detail)).replace("\n", "<br>")
    page = f"<!doctype html><html lang=en><meta charset=utf-8><title>No page</title><h1>No page</h1><p>{said}</p>"
    return HTMLResponse(page, error.status_code, HEADERS)
