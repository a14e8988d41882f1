"""The champion log: the append-only truth about which version is the champion.

    <champions>/<model>/1.json, 2.json, ...            who became the champion, and why
    <champions>/<model>/freezes/1.json, 2.json, ...    from when to when nothing is promoted automatically

It is the audit trail as well: each entry carries the hash of the one before it.
"""

from __future__ import annotations

from functools import cached_property

from airflow_mlkit.registry.chained_log import ChainedLog
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.freeze import FreezeLog


class ChampionLog(ChainedLog[ChampionEntry]):
    """The champions of one model, oldest first; the head is the champion as it is now.

    Args:
        uri: the log's folder, local, `gs://` or `s3://`; `Project.champions` names it.
    """

    entry_type = ChampionEntry

    @cached_property
    def freezes(self) -> FreezeLog:
        """When nothing is promoted automatically."""
        return FreezeLog(self.root / "freezes")

    def anchor(self) -> ChampionEntry | None:
        """The entry against which the slow decline of the champion is measured; None before the first champion.

        Raises:
            RegistryError: when an entry from the anchor on is missing, damaged, or not the one that its successor was
                chained to.
        """
        head = self.head()
        return self.anchor_of(head) if head else None

    def predecessor(self) -> ChampionEntry | None:
        """The newest champion before the head that is another model than the head; None where there was none.

        Raises:
            RegistryError: when the log is damaged.
        """
        entries = self.entries()
        return next((entry for entry in reversed(entries) if entry.model_id != entries[-1].model_id), None)

    def anchor_of(self, entry: ChampionEntry) -> ChampionEntry:
        """The anchor that stands with an entry of this log.

        Raises:
            RegistryError: as `anchor`.
        """
        return self._chain(range(entry.anchor_number, entry.n + 1))[0]
