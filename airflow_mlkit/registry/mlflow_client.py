"""Connecting to MLflow: a server, or a database without one."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from airflow_mlkit.exceptions import RegistryError
from airflow_mlkit.extras import needs_extra
from airflow_mlkit.registry.address import without_credentials
from airflow_mlkit.registry.patient_client import PatientClient, insisting
from airflow_mlkit.rundir import store_errors

if TYPE_CHECKING:
    from mlflow import MlflowClient

_SQLITE = "sqlite:///"


def connect(uri: str) -> MlflowClient:
    """A client of MLflow's tracking server and model registry, patient with others who write to it at the same time.

    Args:
        uri: a server's address, or a database's; a SQLite file is made with its folder when it is not there.

    Raises:
        RegistryError: when the database cannot be opened.
    """
    set_defaults()
    with needs_extra("steps", "the model registry"):
        from mlflow import MlflowClient
    for chatty in ("mlflow", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # what it logs with a traceback it raises as well, and here that becomes a sentence or another attempt
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    with refusals_of(uri), _alone_with(uri):
        client = insisting(MlflowClient)(tracking_uri=uri, registry_uri=uri)
    return cast("MlflowClient", PatientClient(client))


def set_defaults() -> None:
    """Set what MLflow reads from the environment when it is imported, where the user has not."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")  # the default of 7 waits for four minutes
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")


def artifact_root(uri: str, champion_log: str) -> str | None:
    """Where the files of tracking runs are kept.

    MLflow's own default is `./mlruns` of whatever folder the process was started in.

    Args:
        uri: MLflow's.
        champion_log: the model's; used for a database that is no file.

    Returns:
        `mlartifacts` beside a SQLite file, or beside the champion logs; None with a server, which decides itself.
    """
    if uri.startswith(("http://", "https://", "databricks")):
        return None
    if uri.startswith(_SQLITE):
        return (Path(uri.removeprefix(_SQLITE)).parent / "mlartifacts").as_uri()
    return f"{champion_log.rstrip('/').rsplit('/', 2)[0]}/mlartifacts"


@contextmanager
def refusals_of(uri: str) -> Iterator[None]:
    """Turn what MLflow or its database raises inside the block into a sentence without credentials.

    Raises:
        RegistryError: in the place of their errors.
    """
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, *store_errors(), *_database_errors()) as error:
        place, what = without_credentials(uri), without_credentials(str(error)).strip().partition("\n")[0]
        raise RegistryError(
            f"MLflow at {place} refuses: {what.rstrip('.')}.",
            hint="Is it running, and is its address in platform.yaml right? The same step can be run again.",
        ) from error


def _database_errors() -> tuple[type[Exception], ...]:
    try:
        from sqlalchemy.exc import SQLAlchemyError
    except ModuleNotFoundError:  # a lean installation that talks to a server only
        return ()
    return (SQLAlchemyError,)


@contextmanager
def _alone_with(uri: str) -> Iterator[None]:
    """Keep other processes of this machine away while a SQLite file gets its tables.

    Of several first users at once all but one crash in MLflow's migration.
    """
    if not uri.startswith(_SQLITE):
        yield
        return
    database = Path(uri.removeprefix(_SQLITE))
    database.parent.mkdir(parents=True, exist_ok=True)
    with database.with_name(f".{database.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
