"""A paste is one text, in however many reads it comes."""

from __future__ import annotations

import pytest
from textual.events import Key, Paste

from tui.term.pasting import PasteProofParser

PASTED = "\x1b[200~a\x1b]0;x\x07\x1b[20q\r\x1b\x1b[201~"
TEXT = "a\\x1b]0;x\x07\\x1b[20q\r\\x1b"


def meant(*reads: str) -> list[str]:
    parser = PasteProofParser()
    said = [message for read in reads for message in parser.feed(read)]
    return [m.text if isinstance(m, Paste) else m.key if isinstance(m, Key) else repr(m) for m in said]


def test_an_escape_in_a_paste_is_text() -> None:
    assert meant(f"j{PASTED}k{PASTED}q") == ["j", TEXT, "k", TEXT, "q"]


@pytest.mark.parametrize("place", range(len("\x1b[200~"), len(PASTED)))
def test_a_paste_may_come_in_two_reads(place: int) -> None:
    assert meant("j" + PASTED[:place], PASTED[place:] + "k") == ["j", TEXT, "k"]


def test_a_paste_may_come_sign_by_sign() -> None:
    start = len("\x1b[200~")
    assert meant(PASTED[:start], *PASTED[start:], "k") == [TEXT, "k"]


def test_what_is_typed_is_as_ever() -> None:
    assert meant("a\x1b[A", "\x1b[", "B") == ["a", "up", "down"]
