"""Text that comes in: whatever it was, it cannot act on a terminal any more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.model.text import MAX_TEXT, clean
from tests.pictures import is_harmless

_ANY = st.text(st.characters()) | st.text(
    st.sampled_from("\x00\x1b\x07\x7f\x9b\x9d\u200b\u200f\u202e\u2028\ufeff\ud800\U000e0041\u2066a \n")
)


@given(_ANY | st.binary())
def test_what_comes_out_is_harmless(raw: bytes | str) -> None:
    assert is_harmless(clean(raw))


@given(_ANY | st.binary())
def test_cleaning_twice_changes_nothing(raw: bytes | str) -> None:
    assert clean(clean(raw)) == clean(raw)


@given(_ANY | st.binary(max_size=400), st.integers(1, 100))
def test_nothing_is_longer_than_the_limit(raw: bytes | str, limit: int) -> None:
    text = clean(raw, limit)
    assert len(text) <= limit
    whole = clean(raw)
    assert text == whole if len(whole) <= limit else text.endswith("…")


_INVISIBLE = "\u115f\u1160\u3164\uffa0"
_WORDS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S"), exclude_characters=_INVISIBLE))


@given(_WORDS)
def test_plain_words_stay(text: str) -> None:
    assert clean(text) == text[:MAX_TEXT]
    assert clean(text.encode()) == clean(text)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"82576 Virtual Function\n", "82576 Virtual Function"),
        (b"\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        (b"\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
        ("\x9d52;c;aGk=\x9c", "\\x9d52;c;aGk=\\x9c"),
        (b"caf\xc3\xa9", "café"),
        (b"\xff\xfe", "\\xff\\xfe"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("a\nb", "a\\x0ab"),
        ("a\u2028b", "a\\u2028b"),
        ("\ud83d", "\\ud83d"),
        ("\U000e0041", "\\U000e0041"),
        ("[/magenta][b]x", "[/magenta][b]x"),
        (b"\0\0", "\\x00\\x00"),
        (b"", ""),
    ],
)
def test_what_is_made_visible(raw: bytes | str, text: str) -> None:
    assert clean(raw) == text


def test_a_huge_text_is_cut_and_says_so() -> None:
    assert clean(b"x" * 65536) == "x" * (MAX_TEXT - 1) + "…"
    assert clean("x" * MAX_TEXT) == "x" * MAX_TEXT
