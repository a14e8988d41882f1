"""Text in a drawing stays in its box."""

from __future__ import annotations

import pytest

from airflow_mlkit.registry.drawn_text import fit_begin, fit_end, measure


@pytest.mark.parametrize("text", ["W" * 60, "i" * 90, "解約予測" * 20, "data/of_the_whole_company/customers.csv" * 2])
def test_a_long_text_fits_and_says_that_it_is_longer(text: str) -> None:
    begin, end = fit_begin(text, 19.5), fit_end(text, 19.5)
    assert max(measure(begin), measure(end)) <= 19.5
    assert min(measure(begin), measure(end)) > 18
    assert text.startswith(begin.removesuffix("…"))
    assert text.endswith(end.removeprefix("…"))
    assert begin.endswith("…")
    assert end.startswith("…")


def test_a_short_text_stays_as_it_is_and_a_box_without_room_ends_too() -> None:
    assert fit_begin("owner ana", 19.5) == fit_end("owner ana", 19.5) == "owner ana"
    assert fit_begin("owner ana", 0.5) == fit_end("owner ana", 0.5) == "…"
