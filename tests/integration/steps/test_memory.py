"""The memory that a step needed: what it and its children hold, not the files that they read."""

from __future__ import annotations

import mmap
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_mlkit.rundir.tries import POD_VARIABLE
from airflow_mlkit.steps import memory
from airflow_mlkit.steps.memory import PeakMemory, watch_memory

HOLDING = "held = bytearray(200 << 20)\nheld[::4096] = b'x' * len(held[::4096])\nimport time\ntime.sleep(1)"


def test_what_a_child_holds_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "LOCAL_SECONDS", 0.1)
    before = PeakMemory().mib
    with watch_memory() as peak:
        subprocess.run([sys.executable, "-c", HOLDING], check=True)
    assert 190 < peak.mib - before < 300


def test_a_file_that_is_mapped_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"\1" * (200 << 20))
    peak = PeakMemory()
    before = peak.mib
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        assert sum(mapped[place] for place in range(0, len(mapped), 4096)) > 0
        peak.sample()
    assert peak.mib - before < 60


def test_in_a_pod_the_container_counts_without_its_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(POD_VARIABLE, "churn-train-1")
    mib = 1 << 20
    second, first = tmp_path / "v2", tmp_path / "v1"
    monkeypatch.setattr(memory, "_NEEDED", dict(zip((second, first), memory._NEEDED.values(), strict=True)))
    first.write_text(f"cache {900 * mib}\ntotal_rss {3000 * mib}\ntotal_shmem {5 * mib}\ntotal_cache {900 * mib}\n")
    assert PeakMemory().mib == 3005.0
    second.write_text(
        f"anon {4000 * mib}\nfile {900 * mib}\nkernel {20 * mib}\nshmem {1 * mib}\nslab_reclaimable {8 * mib}\n"
    )
    assert PeakMemory().mib == 4013.0


def test_a_peak_that_is_over_stays_the_peak(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(POD_VARIABLE, "churn-train-1")
    stat = tmp_path / "memory.stat"
    monkeypatch.setattr(memory, "_NEEDED", {stat: ("total_rss", "total_shmem")})
    stat.write_text(f"total_rss {5000 << 20}\n")
    peak = PeakMemory()
    peak.sample()
    stat.write_text(f"total_rss {10 << 20}\n")
    assert peak.mib == 5000.0
    stat.unlink()
    assert peak.mib == 5000.0, "where the kernel tells no more, the processes are looked at"
