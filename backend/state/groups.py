"""The IOMMU groups of a picture: judged anew only where something of theirs was read anew."""

from __future__ import annotations

from collections.abc import Mapping, Set

from backend.host.doors import Files
from backend.model.device import Device
from backend.model.group import IommuGroup
from backend.model.ids import DeviceId, GroupId
from backend.model.steps import Steps
from backend.probe.iommu import GroupAttributes, build_groups, read_group_attributes
from backend.state.reuse import reuse_each, reuse_map


class Groups:
    """What was read of the groups themselves, kept from one picture to the next."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._attributes: dict[GroupId, GroupAttributes] = {}

    def read(self, devices: Mapping[DeviceId, Device]) -> Steps[None]:
        """Read the attributes of all groups that these devices are in."""
        wanted = sorted({device.group for device in devices.values() if device.group is not None})
        self._attributes = yield from read_group_attributes(self._files, wanted)

    def judge(
        self, devices: Mapping[DeviceId, Device], before: Mapping[GroupId, IommuGroup], affected: Set[GroupId] | None
    ) -> Steps[Mapping[GroupId, IommuGroup]]:
        """Return the groups of a host.

        Args:
            devices: all of the host.
            before: the groups of the last picture, which are used again where they are equal.
            affected: those to read and judge anew; None means to judge all.
        """
        if affected is None:
            fresh = yield from build_groups(devices, self._attributes)
            return reuse_map(before, (yield from reuse_each(before, fresh.items())))
        if not affected:
            return before
        self._attributes |= yield from read_group_attributes(self._files, affected)
        some = {i: d for i, d in devices.items() if d.group in affected}
        yield
        fresh = yield from build_groups(some, self._attributes)
        merged = {number: group for number, group in before.items() if number not in affected}
        yield
        merged |= yield from reuse_each(before, fresh.items())
        return reuse_map(before, {number: merged[number] for number in sorted(merged)})
