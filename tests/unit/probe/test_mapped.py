"""Which regions a holder has mapped, by the offsets in its maps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import pytest

from backend.host.doors import Files
from backend.model.device import DataPath, Device, DeviceKind
from backend.model.holder import Holder, HolderKind
from backend.model.ids import PciAddress
from backend.model.region import Region
from backend.probe.mapped import mapped_bytes

REGIONS = (
    Region("BAR 0", 0xFE00_0000, 0x4000, "memory", ()),
    Region("BAR 3", 0xFE00_4000, 0x4000, "memory", ()),
    Region("ROM", 0xFE01_0000, 0x1000, "memory", ()),
)
HELD = Device(
    PciAddress.parse("0000:01:10.0"), DeviceKind.VF, "/devices/pci0000:00/0000:01:10.0", driver="vfio-pci", vfio=True,
    path=DataPath.PASSTHROUGH, holders=(Holder(HolderKind.VM, "web", 42),), vfio_node="/dev/vfio/devices/vfio3",
)  # fmt: skip


@dataclass(frozen=True)
class Maps:
    """A process's maps, and nothing else."""

    lines: tuple[tuple[int, int, str], ...]
    """Size, offset, and what is mapped."""

    def read(self, path: str, limit: int) -> bytes:
        assert path == "/proc/42/maps"
        head = "7f0000000000-7f0000001000 r-xp 00000000 fd:00 9    /usr/bin/qemu\n"
        place = 0x7F53_6682_3000
        return (head + "".join(
            f"{place:x}-{place + size:x} rw-s {offset:08x} 00:10 45                         {name}\n"
            for size, offset, name in self.lines
        )).encode()  # fmt: skip


def mapped(*lines: tuple[int, int, str], device: Device = HELD) -> object:
    return mapped_bytes(cast(Files, Maps(lines)), device, REGIONS)


ANY, OWN, OTHER = "anon_inode:[vfio-device]", "/dev/vfio/devices/vfio3", "/dev/vfio/devices/vfio4"


@pytest.mark.parametrize("name", [ANY, OWN])
def test_by_the_number_of_the_region(name: str) -> None:
    assert mapped((0x4000, 0, name), (0x2000, 3 << 40, name)) == {"BAR 0": 0x4000, "BAR 3": 0x2000}


def test_by_the_address_of_the_region_on_older_kernels() -> None:
    assert mapped((0x3000, 0xFE00_4000, ANY), (0x1000, 0xFE00_7000, ANY)) == {"BAR 3": 0x4000}


def test_others_mappings_are_not_counted() -> None:
    assert mapped((0x4000, 0, OTHER), (0x4000, 3 << 40, OWN), (0x4000, 0, ANY)) == {"BAR 3": 0x4000}


def test_what_lies_in_no_region_tells_nothing() -> None:
    assert mapped((0x4000, 5 << 40, OWN)) is None


def test_an_offset_that_could_be_either_tells_nothing() -> None:
    regions = (replace(REGIONS[0], start=3 << 40), REGIONS[1])
    assert mapped_bytes(cast(Files, Maps(((0x4000, 3 << 40, OWN),))), HELD, regions) is None


def test_nobody_or_several_holders() -> None:
    both = replace(HELD, holders=(*HELD.holders, Holder(HolderKind.VM, "db", 43)))
    assert mapped(device=both) is None
    assert mapped(device=replace(HELD, path=None)) is None
    assert mapped(device=replace(HELD, path=DataPath.TRAP)) == {}
