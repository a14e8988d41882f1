"""The charts as Helm makes them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.kubernetes import find_program

CHARTS = Path(__file__).parents[1] / "charts"
PLATFORM = CHARTS / "mlkit-platform"


def is_there() -> bool:
    """Whether Helm is installed, or was built by tests/cluster."""
    return shutil.which(find_program("helm")) is not None


def helm(*arguments: str | Path, stdin: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Helm, with what it said. Values may be handed over as `--values -`."""
    command = [find_program("helm"), *map(str, arguments)]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120)
    assert not check or done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done


def render(values: dict[str, Any] | Path, *, namespace: str = "airflow") -> list[dict[str, Any]]:
    """What the chart mlkit-platform makes of values."""
    given, stdin = (values, None) if isinstance(values, Path) else ("-", dump(values))
    done = helm("template", "mlkit-platform", PLATFORM, "--namespace", namespace, "--values", given, stdin=stdin)
    return [each for each in YAML(typ="safe").load_all(done.stdout) if each]


def refusal(values: dict[str, Any]) -> str:
    """What Helm says to values that cannot be used."""
    arguments = ("template", "mlkit-platform", PLATFORM, "--namespace", "airflow", "--values", "-")
    done = helm(*arguments, stdin=dump(values), check=False)
    assert done.returncode != 0, "nothing was refused"
    return done.stderr


def one(made: list[dict[str, Any]], kind: str, name: str, namespace: str | None = None) -> dict[str, Any]:
    """The one object of a kind and a name."""
    (found,) = [
        each
        for each in made
        if (each["kind"], each["metadata"]["name"]) == (kind, name)
        and namespace in (None, each["metadata"].get("namespace"))
    ]
    return found


def dump(values: Any) -> str:
    """As YAML; JSON is YAML, and leaves no doubt about a string."""
    return json.dumps(values)
