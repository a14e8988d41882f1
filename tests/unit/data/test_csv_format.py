from __future__ import annotations

import pytest

from airflow_mlkit.data.csv_format import sniff_csv


@pytest.mark.parametrize(
    ("text", "delimiter", "has_header"),
    [
        ("a,b\n1,2\n", ",", True),
        ("7.4;0.7\n7.8;0.9\n", ";", False),
        ("a;b\n1,5;2,5\n3,5;4,5\n", ";", True),
        ("name|note\nx|a, b\ny|c, d, e\n", "|", True),
        ("a\tb c\n1\t2 3\n", "\t", True),
        ("only\n1\n2\n", ",", True),
        ("id,2024,2025\nx,1,2\ny,3,4\n", ",", False),
        ("red,yes\nblue,no\nred,no\nred,yes\n", ",", False),
        ('"first, last",age\n"a, b",1\n', ",", True),
        (",a\n0,1\n1,2\n", ",", True),
        ("a,b\n", ",", True),
    ],
)
def test_delimiter_and_header_are_found_out(tmp_path, text, delimiter, has_header):
    path = tmp_path / "d.csv"
    path.write_text(text)
    form = sniff_csv(path)
    assert (form.delimiter, form.has_header) == (delimiter, has_header)


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("a,b\n1,ü\n".encode(), "utf-8"),
        ("a,b\n1,ü\n".encode("utf-8-sig"), "utf-8-sig"),
        ("a,b\n1,€\n".encode("cp1252"), "cp1252"),
        (b"a,b\n1,\x81\xfc\n", "latin-1"),
        ("a,b\n1,ü\n".encode("utf-16"), "utf-16"),
        ("a,b\n1,ü\n".encode("utf-16-be"), "utf-16-be"),
        (("a,b\n" + "1,2\n" * 200_000 + "1,ü\n").encode("cp1252"), "cp1252"),
    ],
)
def test_the_encoding_is_found_out(tmp_path, content, encoding):
    path = tmp_path / "d.csv"
    path.write_bytes(content)
    assert sniff_csv(path).encoding == encoding


def test_quotes_may_be_single(tmp_path):
    path = tmp_path / "d.csv"
    path.write_text("a,b\n'x, y','1'\n'z','2'\n")
    assert sniff_csv(path).quote == "'"
