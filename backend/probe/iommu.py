"""IOMMU units and groups, and the verdict whether VFIO can use a group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from backend.host.doors import Directory, Files
from backend.model.device import Device
from backend.model.facts import NO_NOTES, Notes
from backend.model.group import IommuGroup, ReservedRegion, Viability
from backend.model.host import Iommu
from backend.model.ids import DeviceId, GroupId
from backend.model.steps import Steps, batches
from backend.model.text import clean
from backend.probe.attributes import note_of
from backend.probe.surroundings import listing

GROUPS = "/sys/kernel/iommu_groups"

_LABELS = (
    ("dmar", "Intel VT-d"),
    ("ivhd", "AMD-Vi"),
    ("smmu3", "Arm SMMUv3"),
    ("smmu", "Arm SMMU"),
    ("viommu", "virtio-iommu"),
    ("virtio", "virtio-iommu"),
)

# Beside every VFIO driver, these leave DMA ownership to whoever holds the group (driver_managed_dma).
# Not pci-pf-stub: it does not set the flag.
_HARMLESS = frozenset({"pci-stub", "pcieport"})

VIABLE = Viability(True, (), "")


def read_iommu(files: Files, has_groups: bool) -> Iommu:
    """Return the host's IOMMU: its units by name, and what they are."""
    units = tuple(clean(name, 64) for name in sorted(listing(files, "/sys/class/iommu")))
    pmus = _pmus(files, units)
    for prefix, label in _LABELS:
        if any(unit.startswith(prefix) for unit in units):
            return Iommu(units, label, pmus)
    if units:
        return Iommu(units, "IOMMU", pmus)
    return Iommu(units, "IOMMU without units" if has_groups else "no IOMMU")


def _pmus(files: Files, units: Iterable[str]) -> dict[str, str]:
    """Return each unit's PMU: Intel's has the unit's name, AMD's its number (``amd_iommu_0`` counts ``ivhd0``).

    Which PMCG counts for an SMMUv3 only the firmware's IORT tells: it is left out here.
    """
    known = frozenset(listing(files, "/sys/bus/event_source/devices"))
    named = ((unit, unit.replace("ivhd", "amd_iommu_", 1) if unit.startswith("ivhd") else unit) for unit in units)
    return {unit: pmu for unit, pmu in named if pmu in known}


class GroupAttributes:
    """The files of one group: read once, then again only when asked."""

    __slots__ = ("notes", "reserved", "type")

    def __init__(self, directory: Directory, group: GroupId) -> None:
        self.notes: Notes = NO_NOTES
        raw = self._read(directory, group, "type", "type")
        self.type = _cleaned(raw) if raw is not None else None
        self.reserved = parse_reserved(self._read(directory, group, "reserved_regions", "reserved") or b"")

    def _read(self, directory: Directory, group: GroupId, name: str, field: str) -> bytes | None:
        try:
            return directory.read(f"{int(group)}/{name}")
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                self.notes = {**self.notes, field: note_of(error, name)}
            return None


@lru_cache(256)
def _cleaned(raw: bytes) -> str:
    return clean(raw, 64)


@lru_cache(256)
def parse_reserved(raw: bytes) -> tuple[ReservedRegion, ...]:
    """Return the lines ``start end kind`` of ``reserved_regions``; lines of another form are skipped.

    Most groups of a host have the same regions: equal texts share one tuple.
    """
    regions = []
    for line in raw.decode("ascii", "replace").splitlines():
        fields = line.split()
        if len(fields) != 3:
            continue
        try:
            regions.append(ReservedRegion(int(fields[0], 16), int(fields[1], 16), clean(fields[2], 32)))
        except ValueError:
            continue
    return tuple(region for region in regions if 0 <= region.start <= region.end < 1 << 64)


def read_group_attributes(files: Files, groups: Iterable[GroupId]) -> Steps[dict[GroupId, GroupAttributes]]:
    """Return the attributes of each group that is still there, in steps."""
    found: dict[GroupId, GroupAttributes] = {}
    try:
        directory = files.open_dir(GROUPS)
    except OSError:
        return found
    with directory:
        for some in batches(groups):
            found |= {group: GroupAttributes(directory, group) for group in some}
            yield
    return found


def build_groups(
    devices: Mapping[DeviceId, Device], attributes: Mapping[GroupId, GroupAttributes]
) -> Steps[dict[GroupId, IommuGroup]]:
    """Return the groups that ``devices`` form, by number."""
    members: dict[GroupId, list[Device]] = {}
    for some in batches(devices.values()):
        for device in some:
            if device.group is not None:
                members.setdefault(device.group, []).append(device)
        yield
    groups = {}
    for numbers in batches(sorted(members)):
        for group in numbers:
            known = attributes.get(group)
            ids = tuple([device.id for device in members[group]])
            verdict = judge(members[group])
            if known is None:
                groups[group] = IommuGroup(group, ids, verdict)
            else:
                groups[group] = IommuGroup(group, ids, verdict, known.type, known.reserved, known.notes)
        yield
    return groups


def judge(members: Iterable[Device]) -> Viability:
    """Return whether VFIO could own a group with these members, and who stands in the way."""
    culprits = [d for d in members if d.driver and not d.vfio and d.driver not in _HARMLESS]
    if not culprits:
        return VIABLE
    reason = ", ".join(f"{device.id} {device.driver}" for device in culprits)
    return Viability(False, tuple(device.id for device in culprits), reason)
