"""docs/reference/faults.md from what pytest wrote of the faults: `python -m tests.faults_table JUNIT ...`."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

_PAGE = Path(__file__).parents[1] / "docs/reference/faults.md"

_ORDER = {"sync": 0, "deferrable": 1}

_COLUMNS = ("fault", "mode", "as meant", "task", "what its log says", "pods", "seconds")

_HEAD = """# What goes wrong on a cluster, and what follows

Each row is a test on a real Kubernetes with a real Airflow scheduler (tests/system/test_pods.py, test_faults.py).
`make faults` runs them and writes this page. *seconds* are from the trigger of the retrain to the end of the test: the
steps before it are among them, and two busy cores take three times as long as quiet ones. *pods* are those that worked
on the step that suffers, as the cluster told a watch of them; each test fails where two did so at once.

"""


def write_table(*reports: Path) -> None:
    """Write the page.

    Args:
        reports: pytest's `--junitxml`, of one run or of several; of a fault that was tried again the last one counts.
    """
    newest = {row[:2]: row for report in reports for row in _read_rows(report)}
    rows = sorted(newest.values(), key=lambda row: _ORDER.get(row[1], 0))
    lines = [_COLUMNS, tuple("---" for _ in _COLUMNS), *rows]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    _PAGE.write_text(f"{_HEAD}{_tell_of(reports)}\n\n{table}")


def _tell_of(reports: Sequence[Path]) -> str:
    """When they were run and with what, and which tests were left out."""
    suites = [suite for report in reports for suite in ET.parse(report).iter("testsuite")]
    days = " and ".join(sorted({str(suite.get("timestamp"))[:10] for suite in suites}))
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout
    skipped = [case.get("name") for suite in suites for case in suite.iter("testcase") if case.find("skipped")]
    left_out = f" Left out, for want of what they need: {', '.join(map(str, skipped))}." if skipped else ""
    told = [each for suite in suites for each in suite.iter("property") if each.get("name") == "kubernetes"]
    kubernetes = " and ".join(sorted({str(each.get("value")) for each in told}))
    return f"Run on {days}, on Kubernetes {kubernetes}, with the kit as of {commit.strip()}.{left_out}"


def _read_rows(junit: Path) -> Iterator[tuple[str, ...]]:
    for case in ET.parse(junit).iter("testcase"):
        known = {each.get("name"): each.get("value", "") for each in case.iter("property")}
        name, _, mode = str(case.get("name")).rstrip("]").removeprefix("test_").partition("[")
        if case.find("skipped") is not None or mode not in _ORDER:
            continue
        is_as_meant = case.find("failure") is None and case.find("error") is None
        told = [_in_a_cell(known.get(key, "")) for key in ("outcome", "reason", "pods", "seconds")]
        yield name.replace("_", " "), mode, "yes" if is_as_meant else "**no**", *told


def _in_a_cell(text: str) -> str:
    """Without the address of the registry that this cluster had."""
    return re.sub(r"\d+(\.\d+){3}:\d+", "registry", text).replace("|", "\\|")


if __name__ == "__main__":
    write_table(*map(Path, sys.argv[1:]))
