"""How far the user of a device reaches its regions, in words."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from backend.model.region import Region
from backend.present.regions import reached

BAR = Region("BAR 0", 0xFE00_0000, 0x4000, "memory", ())


@pytest.mark.parametrize(
    ("mapped", "words"),
    [
        (None, "mapped or trapped: cannot be told"),
        ({}, "trapped: every access exits"),
        ({"BAR 3": 0x4000}, "trapped: every access exits"),
        ({"BAR 0": 0x4000}, "mapped"),
        ({"BAR 0": 0x3000}, "mapped, but 4 KiB trapped"),
    ],
)
def test_words(mapped: Mapping[str, int] | None, words: str) -> None:
    assert reached(BAR, mapped).text == words


def test_only_a_bar_of_its_own_in_memory_can_be_mapped() -> None:
    others = (
        Region("BAR 2", 0xE000, 0x20, "I/O", ()),
        Region("ROM", 0, 1, "memory", ()),
        Region("VF BAR 0", 0, 1, "memory", ()),
    )
    assert [region.is_memory_bar for region in (BAR, *others)] == [True, False, False, False]
