from __future__ import annotations

from pathlib import Path

import pytest

from airflow_mlkit.rundir import SizeRecord
from airflow_mlkit.steps.graphics_cards import find_missing_card

ANY_LIBRARY = "libc.so.6"


def size_of(*, gpu: int = 1, backend: str = "gke") -> SizeRecord:
    return SizeRecord(name="gpu", cpu=1, memory="1Gi", gpu=gpu, pool="gpu", backend=backend)


@pytest.mark.parametrize("size", [None, size_of(gpu=0), size_of(backend="local")])
def test_who_asked_for_no_card_is_told_nothing(size: SizeRecord | None, tmp_path: Path) -> None:
    assert find_missing_card(size, tmp_path) is None


def test_a_pod_without_its_card_is_told_where_to_look(tmp_path: Path) -> None:
    assert "device plugin" in str(find_missing_card(size_of(), tmp_path))
    (tmp_path / "nvidiactl").touch()
    assert "device plugin" in str(find_missing_card(size_of(), tmp_path))


def test_a_card_whose_driver_is_not_found_is_told_of_the_librarys_path(tmp_path: Path) -> None:
    (tmp_path / "nvidia3").touch()
    assert "LD_LIBRARY_PATH" in str(find_missing_card(size_of(), tmp_path, "libno-such-driver.so.1"))
    assert find_missing_card(size_of(), tmp_path, ANY_LIBRARY) is None
