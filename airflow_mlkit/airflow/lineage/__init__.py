"""What the steps tell OpenLineage: which data they read and wrote, column by column.

Imported at parse time with the operator, so nothing here imports OpenLineage before an event is made.
"""

from airflow_mlkit.airflow.lineage.operator import StepLineage

__all__ = ["StepLineage"]
