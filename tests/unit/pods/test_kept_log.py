"""A pod's log after its end: whole, each line once, or the hole is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from upath import UPath

from airflow_mlkit.pods.kept_log import GAP, join_logs

LINES = [f"line {number}" for number in range(10)]


def joined(tmp_path: Path, kept: list[str], printed: list[str]) -> list[str]:
    (tmp_path / "log.txt").write_text("".join(f"{line}\n" for line in kept))
    return list(join_logs(UPath(tmp_path / "log.txt"), printed))


def test_a_node_that_has_the_whole_log_tells_what_was_printed_before_the_try_too(tmp_path: Path) -> None:
    assert joined(tmp_path, LINES, ["a warning", *LINES]) == ["a warning", *LINES]


@pytest.mark.parametrize("rotated", [LINES[6:], LINES[9:], []])
def test_what_the_node_has_rotated_away_is_in_the_run_directory(tmp_path: Path, rotated: list[str]) -> None:
    assert joined(tmp_path, LINES, rotated) == LINES


def test_what_a_killed_step_printed_last_is_on_the_node(tmp_path: Path) -> None:
    assert joined(tmp_path, LINES[:7], LINES[5:]) == LINES


def test_what_neither_has_is_a_hole_that_is_told(tmp_path: Path) -> None:
    assert joined(tmp_path, LINES[:5], LINES[8:]) == [*LINES[:5], GAP, *LINES[8:]]


def test_a_step_that_never_began_has_its_words_on_the_node_only() -> None:
    assert list(join_logs(None, ["no module named cards"])) == ["no module named cards"]
