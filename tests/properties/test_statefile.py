"""Files with the state of a device: what was damaged in any way is never taken for whole."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.model.devstate import About
from backend.model.statefile import HEADER, BadStateFile, check_state, parse_header, read_state, write_state

ABOUT = About("11111111-2222-4333-8444-000000000031", "dev", "mtty", "mtty-2", "host", "6.12.0", 1764194400.125)
texts = st.text(max_size=40)
abouts = st.builds(About, *(texts for _ in range(6)), st.floats(0, 1e10))
pieces = st.lists(st.binary(min_size=1, max_size=3000), max_size=5)


def written(about: About, parts: list[bytes]) -> bytes:
    file = io.BytesIO()
    write_state(file, about, parts)
    return file.getvalue()


@given(abouts, pieces)
def test_what_was_written_is_read(about: About, parts: list[bytes]) -> None:
    file = io.BytesIO(written(about, parts))
    header = check_state(file)
    assert header.about == about
    assert header.size == sum(map(len, parts))
    assert b"".join(read_state(file)) == b"".join(parts)


@given(pieces, st.data())
def test_a_cut_file_is_noticed(parts: list[bytes], data: st.DataObject) -> None:
    whole = written(ABOUT, parts)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(BadStateFile):
        check_state(io.BytesIO(whole[:cut]))


@given(pieces, st.binary(min_size=1, max_size=9))
def test_what_was_added_is_noticed(parts: list[bytes], more: bytes) -> None:
    with pytest.raises(BadStateFile, match="bytes of state"):
        check_state(io.BytesIO(written(ABOUT, parts) + more))


@given(pieces, st.data())
def test_a_flipped_bit_of_what_matters_is_noticed(parts: list[bytes], data: st.DataObject) -> None:
    whole = bytearray(written(ABOUT, parts))
    used = len(bytes(whole[:HEADER]).rstrip(b"\0"))
    places = st.one_of(st.integers(0, used - 2), *([st.integers(HEADER, len(whole) - 1)] if parts else []))
    whole[data.draw(places)] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(BadStateFile):
        check_state(io.BytesIO(bytes(whole)))


@given(st.binary(max_size=2 * HEADER))
def test_noise_is_no_state(noise: bytes) -> None:
    with pytest.raises(BadStateFile):
        parse_header(noise)


def test_another_version_says_so() -> None:
    whole = written(ABOUT, [b"x"]).replace(b"state 1\n", b"state 2\n", 1)
    with pytest.raises(BadStateFile, match="another version"):
        parse_header(whole)


def test_what_is_to_be_said_must_fit() -> None:
    with pytest.raises(BadStateFile, match="of 4096"):
        write_state(io.BytesIO(), About("", "d" * 5000, "", "", "", "", 0.0), [])
