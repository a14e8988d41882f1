from __future__ import annotations

import pytest

from airflow_mlkit.image.ignored import find_ignored

NAMES = ["mlkit.yaml", "cards/workflow.py", "cards/deep/er.py", "sql/rows.sql", "a+b/[x].txt"]


@pytest.mark.parametrize(
    ("rules", "ignored"),
    [
        ("", []),
        ("# cards\n\n   \n", []),
        ("*", NAMES),
        ("*\n!cards\n!mlkit.yaml", ["sql/rows.sql", "a+b/[x].txt"]),
        ("cards", ["cards/workflow.py", "cards/deep/er.py"]),
        ("/cards/", ["cards/workflow.py", "cards/deep/er.py"]),
        ("*.py", []),
        ("cards/*.py", ["cards/workflow.py"]),
        ("**/*.py", ["cards/workflow.py", "cards/deep/er.py"]),
        ("cards/**\n!cards/workflow.py", ["cards/deep/er.py"]),
        ("**/deep", ["cards/deep/er.py"]),
        ("!cards\n*\n", NAMES),
        ("sql/row?.sql", ["sql/rows.sql"]),
        ("[ms]*", ["mlkit.yaml", "sql/rows.sql"]),
        ("a+b", ["a+b/[x].txt"]),
    ],
)
def test_the_last_line_that_matches_a_file_or_its_folder_decides(rules: str, ignored: list[str]) -> None:
    assert find_ignored(NAMES, rules) == ignored
