"""Text cut to cells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.widgets.cells import shorten_telling, width_of


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("ens1f0 8/64 VFs", 15, "ens1f0 8/64 VFs"),
        ("ens1f0 8/64 VFs", 13, "ens1f0 8/64"),
        ("ens1f0 8/64 VFs", 9, "ens1f0…"),
        ("ens10f0np0 128/256 VFs", 14, "ens10f0np0…"),
        ("ens10f0np0 128/256 VFs", 10, "ens10f0np…"),
        ("vf12 enp129s0f0v12", 15, "vf12 enp12…0v12"),
        ("vf12 enp129s0f0v12", 8, "vf12 en…"),
        ("enp129s0f0v12", 9, "enp1…0v12"),
        ("vm guest-number-12", 13, "vm guest…r-12"),
        ("nvme0n1p2 mounted on /", 14, "nvme0n1p2 mou…"),
        ("nvme0n1p2 mounted on / +1", 14, "nvme0n1p2… +1"),
        ("Virtio filesystem", 10, "Virtio fi…"),
    ],
)
def test_what_is_cut_keeps_its_telling_end(text: str, width: int, expected: str) -> None:
    assert shorten_telling(text, width, "…") == expected


@given(st.text(), st.integers(0, 40))
def test_no_more_cells_are_taken_than_there_are(text: str, width: int) -> None:
    assert width_of(shorten_telling(text, width, "…")) <= width
