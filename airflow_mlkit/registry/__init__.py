"""Which version of a model is the champion, and everything that is known of each version."""

from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.champion_log import ChampionLog

__all__ = ["ChampionEntry", "ChampionLog"]
