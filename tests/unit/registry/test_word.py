from __future__ import annotations

import pytest

from airflow_mlkit.exceptions import UserError
from airflow_mlkit.registry.word import Word


@pytest.mark.parametrize(
    ("by", "reason", "said"),
    [
        ("ana", "", "--reason is empty"),
        ("ana", " \n", "--reason is empty"),
        ("ana", "x" * 5000, "--reason has 5,000 characters; at most 4,000 fit"),
        ("ana", "off \udcff", r"--reason holds '\\udcff', which is no text"),
        ("ana", "\x1b[2Joff", r"--reason holds '\\x1b', which is no text"),
        ("", "off", "--by is empty"),
        ("ana\neve", "off", r"--by holds '\\n', which is no text"),
    ],
    ids=["empty", "blank", "endless", "no UTF-8", "clears the screen", "nobody", "two names"],
)
def test_a_word_that_would_spoil_the_log_is_refused(by: str, reason: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        Word(by, reason)


def test_a_reason_may_have_lines_markup_and_every_script() -> None:
    reason = "scores are [bold]off[/]:\r\n\t1. für Neukunden 👩‍💻\n<b>2.</b> من اليوم"
    assert Word("José", reason).reason == reason
