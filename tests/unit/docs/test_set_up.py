"""The page on setting up a cluster and the example of the chart speak of the same node pools."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "how-to" / "set-up-on-gke.md").read_text(encoding="utf-8")
EXAMPLE = YAML(typ="safe").load(ROOT / "charts" / "mlkit-platform" / "examples" / "gke.yaml")
CREATED = dict(
    re.findall(r"^gcloud container node-pools create (\S+) ((?:.*\\\n)*.*)$", PAGE, re.MULTILINE),
)


def flags(pool: str) -> dict[str, str]:
    words = shlex.split(CREATED[pool].replace("\\\n", " "))
    return dict(word.removeprefix("--").split("=", 1) for word in words if word.startswith("--"))


def of_google(flags: dict[str, str]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Labels and taints that GKE gives to nodes with graphics cards, by itself."""
    accelerator = re.search(r"type=([\w-]+)", flags.get("accelerator", ""))
    if not accelerator:
        return {}, []
    return {"cloud.google.com/gke-accelerator": accelerator[1]}, [("nvidia.com/gpu", "present")]


def test_the_page_makes_the_pools_of_the_example() -> None:
    assert set(CREATED) == set(EXAMPLE["platform"]["pools"])


@pytest.mark.parametrize("pool", CREATED)
def test_steps_reach_the_nodes_of_their_pool_and_no_others_do(pool: str) -> None:
    declared: dict[str, Any] = EXAMPLE["platform"]["pools"][pool]
    labels, taints = of_google(flags(pool))
    labels |= dict(label.split("=") for label in flags(pool).get("node-labels", "").split(",") if label)
    taints += [
        tuple(taint.split(":")[0].split("=")) for taint in flags(pool).get("node-taints", "").split(",") if taint
    ]
    assert declared["node_selector"].items() <= labels.items()
    borne = {(bears["key"], bears.get("value")) for bears in declared.get("tolerations", [])}
    assert all((key, value) in borne or (key, None) in borne for key, value in taints)
