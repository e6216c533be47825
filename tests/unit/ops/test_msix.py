"""How many vectors a configuration space tells of."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backend.ops.msix import msix_table_size


def space(*capabilities: tuple[int, bytes], start: int = 0x40) -> bytes:
    """Return a configuration space with a list of capabilities, each an id and what follows its two bytes."""
    made = bytearray(256)
    made[0x34] = start if capabilities else 0
    place = start
    for number, (kind, body) in enumerate(capabilities):
        following = place + 0x20 if number + 1 < len(capabilities) else 0
        made[place : place + 2 + len(body)] = bytes((kind, following)) + body
        place = following
    return bytes(made)


def test_the_size_is_one_more_than_written() -> None:
    assert msix_table_size(space((0x11, (0x8000 | 9).to_bytes(2, "little")))) == 10
    assert msix_table_size(space((0x01, b"\3\0"), (0x10, b"\2\0"), (0x11, b"\0\0"))) == 1


def test_without_the_capability_there_is_none() -> None:
    assert msix_table_size(space()) is None
    assert msix_table_size(space((0x01, b"\3\0"))) is None


def test_what_a_user_may_see_ends_before_it() -> None:
    assert msix_table_size(space((0x11, b"\7\0"))[:64]) is None


def test_a_list_in_a_circle_ends() -> None:
    made = bytearray(space((0x01, b"\3\0")))
    made[0x41] = 0x40
    assert msix_table_size(bytes(made)) is None


@given(st.binary(max_size=300))
def test_any_bytes_give_a_size_or_none(raw: bytes) -> None:
    found = msix_table_size(raw)
    assert found is None or 1 <= found <= 2048
