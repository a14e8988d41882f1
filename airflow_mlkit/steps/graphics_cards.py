"""Whether a step sees the graphics cards that its size pays for: XGBoost trains on the CPU where it finds none."""

from __future__ import annotations

import ctypes
from pathlib import Path

from airflow_mlkit.rundir import SizeRecord

_DRIVER = "libcuda.so.1"
"""NVIDIA's own library, which the node brings into the container, and CUDA loads."""


def find_missing_card(size: SizeRecord | None, devices: Path = Path("/dev"), driver: str = _DRIVER) -> str | None:
    """Why a pod of a size with graphics cards sees none, and where to look; None when it does, or asked for none.

    Args:
        size: what the pod asked for.
        devices: where the cards stand as nvidia0, nvidia1 and so on.
        driver: the library by which they are used.
    """
    if size is None or not size.has_gpus:
        return None
    if not any(devices.glob("nvidia[0-9]*")):
        return (
            f"The size {size.name} has GPUs, and this pod sees none: there is no {devices}/nvidia0. Does "
            "NVIDIA's device plugin run on the node?"
        )
    if not _is_loaded(driver):
        return (
            f"The size {size.name} has GPUs, and this pod cannot use them: {driver} is not found. Let "
            "LD_LIBRARY_PATH of the image name the folder where the node mounts its driver: on GKE it is "
            "/usr/local/nvidia/lib64."
        )
    return None


def _is_loaded(driver: str) -> bool:
    """Asks for no card yet: a child of a process that has asked could not use it."""
    try:
        ctypes.CDLL(driver)
    except OSError:
        return False
    return True
