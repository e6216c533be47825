"""Single attributes: what is a value, what a note, and what means that the device has gone."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.host.directory import LinuxDirectory
from backend.model.facts import NO_NOTES, FactState
from backend.probe.attributes import Attributes, VanishedError, note_of, parse_int


@pytest.fixture
def attributes(tmp_path: Path) -> Attributes:
    """Attributes of a folder of files."""
    for name, raw in {
        "five": b"5\n",
        "hex": b"0x1f\n",
        "word": b"\x1b[31m\n",
        "empty": b"",
        "huge": b"9" * 9000,
    }.items():
        (tmp_path / name).write_bytes(raw)
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("../../a/b")
    return Attributes(LinuxDirectory(str(tmp_path)))


def test_values(attributes: Attributes) -> None:
    assert attributes.number("five", "f") == 5
    assert attributes.number("hex", "f", 16) == 31
    assert attributes.text("word", "f") == "\\x1b[31m"
    assert attributes.link("link", "f") == "b"
    assert attributes.names("folder", "f") == []
    assert attributes.notes is NO_NOTES


def test_what_is_missing_leaves_no_note(attributes: Attributes) -> None:
    assert attributes.text("nothing", "f") is None
    assert attributes.number("nothing", "f") is None
    assert attributes.link("nothing", "f") is None
    assert attributes.names("nothing", "f") == []
    assert attributes.link("five", "f") is None
    assert not attributes.notes


@pytest.mark.parametrize("name", ["word", "empty", "huge"])
def test_what_is_no_number_says_so(attributes: Attributes, name: str) -> None:
    assert attributes.number(name, "f") is None
    note = attributes.notes["f"]
    assert note.state is FactState.UNKNOWN
    assert note.reason.startswith(f"{name} holds no number")
    assert "\x1b" not in note.reason


def test_what_cannot_be_read_says_so(attributes: Attributes) -> None:
    assert attributes.text("folder", "f") is None
    assert attributes.notes["f"].reason == "folder could not be read: EISDIR, Is a directory"


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (errno.EACCES, FactState.HIDDEN),
        (errno.EPERM, FactState.HIDDEN),
        (errno.EOPNOTSUPP, FactState.UNSUPPORTED),
        (errno.EIO, FactState.UNKNOWN),
        (None, FactState.UNKNOWN),
        (99999, FactState.UNKNOWN),
    ],
)
def test_notes_of_errors(code: int | None, state: FactState) -> None:
    note = note_of(OSError(code, "x") if code else OSError("x"), "reset_method")
    assert note.state is state
    assert note.reason.startswith("reset_method ")


@pytest.mark.parametrize("code", [errno.ENODEV, errno.ENXIO])
def test_what_means_gone(attributes: Attributes, code: int) -> None:
    with pytest.raises(VanishedError):
        attributes.failed(OSError(code, "x"), "f", "name")


@given(st.integers(-(10**22), 10**22))
def test_numbers_round_trip(number: int) -> None:
    assert parse_int(f"{number}\n".encode()) == number


@pytest.mark.parametrize("raw", [b"1_0", b"", b"\n", b"1 0", "٣".encode(), b"1" * 25, b"0x", b"1.0"])
def test_what_the_kernel_would_never_write(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_int(raw)
