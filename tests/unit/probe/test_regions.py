"""The ``resource`` attribute."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backend.probe.regions import parse_regions

# What Linux 6.12 wrote of an igb PF with seven VFs.
IGB = """\
0x00000000fe400000 0x00000000fe41ffff 0x0000000000040200
0x00000000fe420000 0x00000000fe43ffff 0x0000000000040200
0x000000000000c000 0x000000000000c01f 0x0000000000040101
0x00000000fe484000 0x00000000fe487fff 0x0000000000040200
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x00000000fe440000 0x00000000fe47ffff 0x0000000000046200
0x0000000ff0000000 0x0000000ff001bfff 0x0000000000142204
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x0000000ff001c000 0x0000000ff0037fff 0x0000000000142204
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x0000000000000000 0x0000000000000000 0x0000000000000000
"""


def test_regions_of_a_pf() -> None:
    found = {region.name: region for region in parse_regions(IGB)}
    assert list(found) == ["BAR 0", "BAR 1", "BAR 2", "BAR 3", "ROM", "VF BAR 0", "VF BAR 3"]
    assert (found["BAR 0"].start, found["BAR 0"].size, found["BAR 0"].kind) == (0xFE400000, 128 << 10, "memory")
    assert (found["BAR 2"].size, found["BAR 2"].kind) == (32, "I/O")
    assert found["ROM"].qualities == ("prefetchable", "read-only")
    assert (found["VF BAR 0"].size, found["VF BAR 0"].qualities) == (7 * 16384, ("64-bit", "prefetchable"))


@given(st.text())
def test_any_text_is_regions_or_none(text: str) -> None:
    assert all(region.size > 0 for region in parse_regions(text))


@given(st.lists(st.tuples(st.integers(1, 2**64 - 1), st.integers(0, 2**32)), max_size=17))
def test_what_the_kernel_writes_is_read_back(regions: list[tuple[int, int]]) -> None:
    lines = [f"0x{start:016x} 0x{start + size:016x} 0x{0x40200:016x}" for start, size in regions]
    found = parse_regions("\n".join(lines))
    assert [(region.start, region.size) for region in found] == [(start, size + 1) for start, size in regions]
