"""How a comparison of two versions is worded, and that a terminal shows all of it."""

from __future__ import annotations

import pytest

from airflow_mlkit.cli import diff_view
from airflow_mlkit.registry.version_diff import DiffLine, VersionDiff, tell_interval


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        ((-0.003717, 0.00481), "0.0037 worse to 0.0048 better"),
        ((0.00481, -0.003717), "0.0037 worse to 0.0048 better"),
        ((0.001, 0.0123), "0.001 to 0.012 better"),
        ((-0.5, -0.25), "0.25 to 0.5 worse"),
        ((0.0, 0.2), "0 to 0.2 better"),
        ((-0.2, -0.0), "0 to 0.2 worse"),
        ((0.0, 0.0), "neither worse nor better"),
        ((-1234.6, 12.3), "1,235 worse to 12 better"),
    ],
)
def test_an_interval_says_in_which_direction_each_end_lies(interval: tuple[float, float], said: str) -> None:
    assert tell_interval(interval, 0.99) == f"99 % sure: {said}, on the same rows"


@pytest.mark.parametrize("width", [40, 80])
def test_an_interval_is_never_shortened(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    compared = tell_interval((-0.003717, 0.00481), 0.99)
    line = DiffLine(what="roc_auc", a="0.83", b="0.8305", note="+0.0005467", compared=compared)
    diff = VersionDiff(
        model_name="churn",
        a="1",
        b="2",
        a_id="x",
        b_id="y",
        same_model=False,
        same_holdout=True,
        sections={"metrics": (line,)},
        code={},
    )
    diff_view.print_diff(diff, code=False, whole=False)
    assert f"  roc_auc, {compared}\n" in capsys.readouterr().out
