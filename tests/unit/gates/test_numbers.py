"""Numbers as they stand in sentences."""

from __future__ import annotations

import random

import pytest

from airflow_mlkit.gates.numbers import distinct, exact, fixed, short


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (0.84912, "0.8491"),
        (0.719, "0.719"),
        (0.99996, "1"),
        (0.004497, "0.0045"),
        (5.943e-05, "0.00006"),
        (-5.943e-05, "-0.00006"),
        (4e-06, "0.000004"),
        (4e-07, "less than 0.000001"),
        (-4e-07, "less than 0.000001 below 0"),
        (999.96, "1,000"),
        (12340.4, "12,340"),
        (-1234567.0, "-1,234,567"),
        (1e20, "1e+20"),
        (float("nan"), "nan"),
    ],
)
def test_a_number_reads_without_an_exponent(value, text):
    assert short(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.01818, "0.018"), (8.6e-06, "less than 0.0001"), (12.34, "12")])
def test_a_number_with_fewer_digits_has_fewer_decimals(value, text):
    assert short(value, 2) == text


@pytest.mark.parametrize(
    ("one", "other", "texts"),
    [
        (0.84, 0.8312, ("0.84", "0.8312")),
        (0.912341, 0.912349, ("0.91234", "0.91235")),
        (12340.1, 12340.2, ("12,340.1", "12,340.2")),
        (4e-07, 5e-07, ("0.0000004", "0.0000005")),
        (0.0, 4e-07, ("0", "less than 0.000001")),
        (1e-20, 2e-20, ("1e-20", "2e-20")),
        (1.0, 1.0 + 2**-52, ("1", "1.0000000000000002")),
    ],
)
def test_two_numbers_have_as_many_digits_as_tell_them_apart(one, other, texts):
    assert distinct(one, other) == texts


def test_different_numbers_never_read_the_same_nor_the_wrong_way_round():
    draw = random.Random(7)
    for _ in range(5000):
        one = draw.choice([-1, 1]) * 10 ** draw.uniform(-12, 14)
        other = one * (1 + draw.choice([-1, 1]) * 10 ** draw.uniform(-15, 0))
        texts = distinct(one, other)
        assert texts[0] != texts[1]
        if "less" not in "".join(texts):
            first, second = (float(text.replace(",", "")) for text in texts)
            assert (first < second) == (one < other)


@pytest.mark.parametrize(
    ("value", "text"), [(1e-5, "0.00001"), (0.95125, "0.95125"), (25000, "25,000"), (0, "0"), (1e300, "1e+300")]
)
def test_what_a_person_wrote_is_not_rounded(value, text):
    assert exact(value) == text


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [(0.5, 4, "0.5000"), (1234.5678, 0, "1,235"), (0.00001, 4, "less than 0.0001"), (0.0, 2, "0.00")],
)
def test_a_number_beside_others_has_their_decimals(value, decimals, text):
    assert fixed(value, decimals) == text
