"""Names that the kernel gives to things, as types that parse, print and order.

Each is a ``str`` or ``int`` underneath, so that it costs nothing to keep and looks like itself in every
report; a value of the type has been parsed, and only a parsed value may touch a path.
"""

from __future__ import annotations

import re

_PCI = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
_GROUP = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", re.ASCII)
_NAME = re.compile(r"(?![.-])[A-Za-z0-9_.:+-]{1,128}", re.ASCII)


class BadIdError(ValueError):
    """A text that is not the id it should be. The message says what one looks like."""


class DeviceId(str):
    """What names a device: a ``PciAddress`` or an ``MdevUuid``. A class, for schemas know no union of two."""

    __slots__ = ()


class PciAddress(DeviceId):
    """A PCI address ``DDDD:BB:DD.F``; the domain has four to eight digits (``10000:e1:00.0``).

    Orders by number, so that domain 10000 comes after domain ffff.
    """

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> PciAddress:
        """Return the address, or raise ``BadIdError``. Nothing but the exact kernel spelling is taken."""
        if _PCI.fullmatch(text) is None or (len(text) > 12 and text[0] == "0"):
            raise BadIdError(f"{text[:64]!r} is not a PCI address: write it in full, as in 0000:3b:00.2")
        return cls(text)

    @classmethod
    def from_numbers(cls, domain: int, requester: int) -> PciAddress:
        """Return the address of routing id ``requester`` (bus << 8 | device << 3 | function) in ``domain``."""
        if not (0 <= domain <= 0xFFFFFFFF and 0 <= requester <= 0xFFFF):
            raise BadIdError(f"no PCI address has domain {domain:#x} and routing id {requester:#x}")
        return cls(f"{domain:04x}:{requester >> 8:02x}:{requester >> 3 & 31:02x}.{requester & 7}")

    @property
    def domain(self) -> int:
        """The segment number."""
        return int(self[:-8], 16)

    @property
    def requester(self) -> int:
        """The routing id: bus << 8 | device << 3 | function."""
        return int(self[-7:-5], 16) << 8 | int(self[-4:-2], 16) << 3 | int(self[-1])

    def __lt__(self, other: str) -> bool:
        return (len(self), str(self)) < (len(other), str(other))

    def __le__(self, other: str) -> bool:
        return not PciAddress(other) < self

    def __gt__(self, other: str) -> bool:
        return PciAddress(other) < self

    def __ge__(self, other: str) -> bool:
        return not self < other


class MdevUuid(DeviceId):
    """The UUID that names an mdev: lower case, with dashes, no braces."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> MdevUuid:
        """Return the UUID, or raise ``BadIdError``."""
        if _UUID.fullmatch(text) is None:
            raise BadIdError(f"{text[:64]!r} is not an mdev UUID: write it as in 83b8f4f2-509f-382f-3c1e-e6bfe0fa1001")
        return cls(text)


class GroupId(int):
    """The number of an IOMMU group."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> GroupId:
        """Return the number, or raise ``BadIdError``."""
        if _GROUP.fullmatch(text) is None:
            raise BadIdError(f"{text[:64]!r} is not the number of an IOMMU group: write it as in 42")
        return cls(text)


class MacAddress(str):
    """An Ethernet address: lower case, with colons. All zeroes stand for none."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> MacAddress:
        """Return the address, or raise ``BadIdError``. Capitals are taken too."""
        if _MAC.fullmatch(text.lower()) is None:
            raise BadIdError(f"{text[:64]!r} is not a MAC address: write it as in 02:00:5e:10:00:01")
        return cls(text.lower())

    @property
    def is_multicast(self) -> bool:
        """Whether it names more than one interface."""
        return bool(int(self[:2], 16) & 1)


class KernelName(str):
    """A driver, mdev type, mdev parent or network interface: a single path component that is safe to join."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> KernelName:
        """Return the name, or raise ``BadIdError``."""
        if _NAME.fullmatch(text) is None:
            raise BadIdError(f"{text[:64]!r} is not a kernel name: letters, digits and _ . : + - only")
        return cls(text)


def parse_device_id(text: str) -> PciAddress | MdevUuid:
    """Return the PCI address or mdev UUID that ``text`` spells, or raise ``BadIdError``."""
    if _PCI.fullmatch(text):
        return PciAddress.parse(text)
    if _UUID.fullmatch(text):
        return MdevUuid.parse(text)
    raise BadIdError(f"{text[:64]!r} names no device: write a PCI address as in 0000:3b:00.2, or the UUID of an mdev")


def id_order(text: str) -> tuple[int, str]:
    """Sort key of device ids: PCI addresses by number, then mdevs by UUID."""
    return (len(text), text)
