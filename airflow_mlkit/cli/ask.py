"""The question whether a challenger may become the champion, asked at the terminal."""

from __future__ import annotations

import getpass
import sys
from datetime import UTC, datetime

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.prompt import Confirm, Prompt

from airflow_mlkit.local.run_result import StepStatus
from airflow_mlkit.local.runner import Asker
from airflow_mlkit.rundir import Approval


def ask_at(console: Console, live: Live | None) -> Asker:
    """An asker for the runner; it asks nobody where input does not come from a terminal.

    Args:
        console: where the question is printed.
        live: the table that stands still while somebody thinks.
    """

    def ask(gate: StepStatus) -> Approval | None:
        if live is None or not sys.stdin.isatty():
            return None
        live.stop()
        try:
            return _ask(console, gate)
        finally:
            live.start()

    return ask


def _ask(console: Console, gate: StepStatus) -> Approval:
    console.print(f"\n[bold]The gates let it pass.[/bold] {escape(gate.reason or '')}")
    yes = Confirm.ask("May it become the champion?", console=console, default=False)
    why = Prompt.ask("Why", console=console, default="", show_default=False)
    return Approval(answer="yes" if yes else "no", by=getpass.getuser(), at=datetime.now(UTC), why=why.strip())
