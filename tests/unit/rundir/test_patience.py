"""How long a bucket is waited for, and for which of its errors."""

from __future__ import annotations

from collections.abc import Callable
from errno import ECONNREFUSED, EIO, ENOSPC

import aiohttp
import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from gcsfs.retry import HttpError
from upath import UPath

from airflow_mlkit.rundir import patience
from airflow_mlkit.rundir.patience import patiently

PATH = UPath("s3://runs/churn/run.json")
PASSES = [
    ConnectTimeoutError(endpoint_url="http://store"),
    ReadTimeoutError(endpoint_url="http://store"),
    EndpointConnectionError(endpoint_url="http://store"),
    aiohttp.ClientOSError(ECONNREFUSED, "refused"),
    aiohttp.ServerDisconnectedError(),
    HttpError({"code": 503, "message": "slow down"}),
    OSError(EIO, "internal error"),
    ConnectionResetError(),
]
STAYS = [
    PermissionError("forbidden"),
    OSError(ENOSPC, "no space left"),
    HttpError({"code": 403, "message": "forbidden"}),
]


@pytest.fixture(autouse=True)
def answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_ANSWERED", {"s3://runs"})
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.0)


def act_after(*errors: Exception) -> Callable[[], str]:
    waiting = list(errors)

    def act() -> str:
        if waiting:
            raise waiting.pop(0)
        return "answer"

    return act


@pytest.mark.parametrize("error", PASSES, ids=lambda error: type(error).__name__)
def test_a_store_that_gives_no_answer_is_asked_again(error: Exception) -> None:
    assert patiently(PATH, act_after(error, error)) == "answer"


@pytest.mark.parametrize("error", STAYS, ids=lambda error: f"{type(error).__name__}-{error}")
def test_an_answer_that_will_be_the_same_again_is_raised_at_once(error: Exception) -> None:
    with pytest.raises(type(error)):
        patiently(PATH, act_after(error))
