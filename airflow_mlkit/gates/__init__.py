"""Whether a challenger may replace the champion: decided purely, and written down as a gate report."""

from airflow_mlkit.gates.report import (
    ChallengerSummary,
    ChampionSummary,
    Decision,
    GateReport,
    GateResult,
    HoldoutSummary,
)

__all__ = ["ChallengerSummary", "ChampionSummary", "Decision", "GateReport", "GateResult", "HoldoutSummary"]
