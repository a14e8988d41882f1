"""What the pages name is there: other pages, commands with their options, targets of make."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from airflow_mlkit.cli.app import app

ROOT = Path(__file__).parents[3]
TEMPLATE = ROOT / "templates" / "golden-path" / "{{cookiecutter.name}}"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "charts").rglob("*.md")])
TYPED = [*PAGES, TEMPLATE / "README.md"]
COMMAND = re.compile(r"(?:^(?: {4})?|`|&& )(mlkit(?: [^`&#\n]*)?)", re.MULTILINE)


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_to_a_file_or_a_heading(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        path, _, heading = target.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        linked = page.parent / path if path else page
        assert linked.exists(), f"{target} is not there"
        if heading:
            titles = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", TYPED, ids=name_of)
def test_every_command_and_its_options_are_there(page: Path) -> None:
    for typed in COMMAND.findall(page.read_text(encoding="utf-8").replace("\\\n", "")):
        words = [word for word in shlex.split(typed.rstrip(" .,:;"))[1:] if word not in ("NAME", "URI", "...")]
        words = words[: words.index("--")] if "--" in words else words  # what follows is another program's
        command = typer.main.get_command(app)
        while words and hasattr(command, "commands") and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        unknown = {word.partition("=")[0] for word in words if word.startswith("--")} - options - {"--help"}
        assert not unknown, f"{typed}: {unknown}"
        assert not hasattr(command, "commands") or not words or words[0].startswith("-"), f"{typed}: no such command"


def test_every_target_of_make_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        found = re.findall(r"(?:^ {4}|`)(?:\w+=\w+ )?make ([a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert set(found) <= targets, page
