"""The columns: one definition for the screen, the text snapshot and the filter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from backend.model.counters import Measure
from backend.model.device import DataPath, Device, DeviceKind
from backend.model.facts import FactState
from backend.model.figures import PREFIXES, number
from backend.model.group import IommuGroup
from backend.model.holder import Holder, HolderKind
from backend.model.host import Host
from backend.model.links import VfInfo, VfLinkState
from backend.model.mdev import MdevParent, MdevType
from backend.present.glyphs import Glyphs
from backend.present.rates import WORDS, figure
from backend.present.tree import NumaNode, RootPort, Row, is_plumbing


class Role(StrEnum):
    """What a piece of text means; themes give each role its look."""

    TEXT = "text"
    ID = "id"
    MUTED = "muted"
    HOST = "host"
    VFIO = "vfio"
    IDLE = "idle"
    READY = "ready"
    PASSTHROUGH = "passthrough"
    TRAP = "trap"
    MEDIATED = "mediated"
    VM = "vm"
    HELD = "held"
    FREE = "free"
    GOOD = "good"
    WARNING = "warning"
    DANGER = "danger"
    HIDDEN = "hidden"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Cell:
    """Text of one cell and what it means."""

    text: str
    role: Role = Role.TEXT


EMPTY = Cell("")


@dataclass(frozen=True, slots=True)
class Column:
    """One column. The first column of a tree also carries its guides."""

    id: str
    title: str
    width: int
    """Cells on a screen; a text report makes a column as wide as its widest value."""
    priority: int
    """1 stays longest when the screen is narrow."""
    cell: Callable[[Host, Row, Glyphs], Cell]
    help: str
    number: Callable[[Host, Row], float | None] | None = None
    """What rows are ordered by where that is a number; None: by the cell's text."""


def cells(host: Host, row: Row, columns: Sequence[Column], glyphs: Glyphs) -> tuple[Cell, ...]:
    """Return the cells of one row."""
    return tuple([column.cell(host, row, glyphs) for column in columns])


def fit_columns(columns: Iterable[Column], width: int) -> tuple[Column, ...]:
    """Return the columns that fit into ``width`` cells, the least important left out first.

    The first column stays, however narrow the screen is.
    """
    kept = list(columns)
    while len(kept) > 1 and sum(column.width + 1 for column in kept) > width:
        kept.remove(max(kept[1:], key=lambda column: column.priority))
    return tuple(kept)


def _device_cell(host: Host, row: Row, glyphs: Glyphs) -> Cell:
    subject = row.subject
    if isinstance(subject, Device):
        return Cell(str(subject.id), Role.ID)
    if isinstance(subject, IommuGroup):
        return Cell(f"group {int(subject.id)}", Role.ID)
    if isinstance(subject, MdevParent):
        return Cell(subject.name, Role.ID)
    if isinstance(subject, MdevType):
        return Cell(subject.id, Role.MEDIATED)
    if isinstance(subject, NumaNode):
        return Cell("no node told" if subject.number is None else f"node {subject.number}", Role.ID)
    if isinstance(subject, RootPort):
        return Cell(f"port {subject.address}", Role.ID)
    return Cell(subject.name, Role.VM if subject.kind is HolderKind.VM else Role.HELD)


def _what_cell(host: Host, row: Row, glyphs: Glyphs) -> Cell:
    subject = row.subject
    if isinstance(subject, Device):
        words = describe_device(subject)
        if subject.drifted:
            return Cell(f"{glyphs.warning} drift {words}", Role.WARNING)
        return Cell(words, Role.TEXT if subject.kind is DeviceKind.PF else Role.MUTED)
    if isinstance(subject, MdevType):
        free = "? free" if subject.available is None else f"{subject.available} free"
        return Cell(f"{len(subject.instances)} made, {free}", Role.MUTED)
    if isinstance(subject, MdevParent):
        return Cell(f"mdev parent, {len(subject.types)} types", Role.MUTED)
    if isinstance(subject, IommuGroup):
        count = len(subject.members)
        return Cell(f"{count} member{'s' if count != 1 else ''}", Role.MUTED)
    if isinstance(subject, NumaNode | RootPort):
        return Cell(f"{subject.devices} device{'s' * (subject.devices != 1)}, {subject.held} held", Role.MUTED)
    pid = "" if subject.pid is None else f"pid {subject.pid}"
    return Cell(f"{subject.kind} {pid}".strip(), Role.MUTED)


def describe_device(device: Device) -> str:
    """Return a few words that tell one device from its neighbours: interfaces, index, number of VFs, type."""
    words: list[str] = []
    if device.kind in (DeviceKind.VF, DeviceKind.VGPU_VF):
        words.append("vf?" if device.index is None else f"vf{device.index}")
    if device.kind is DeviceKind.MDEV:
        words.append(device.mdev_type or "mdev")
    words += device.netdevs or device.blocks[:2]
    if device.sriov is not None:
        total = "?" if device.sriov.total is None else str(device.sriov.total)
        words.append(f"{len(device.sriov.vfs)}/{total} VFs")
    if device.vgpu is not None and device.vgpu.current:
        words.append(f"vGPU type {device.vgpu.current}")
    return " ".join(words)


def _driver_cell(host: Host, row: Row, glyphs: Glyphs) -> Cell:
    device = row.device
    if device is None:
        return EMPTY
    if not device.driver:
        return Cell(glyphs.none, Role.IDLE)
    return Cell(device.driver, Role.VFIO if device.vfio else Role.HOST)


def _path_cell(host: Host, row: Row, glyphs: Glyphs) -> Cell:
    device = row.device
    if device is None:
        return _verdict_cell(host, row, glyphs)
    if device.path is not None:
        return Cell(f"{glyphs.paths[device.path]} {device.path}", Role(device.path.value))
    word = "held" if device.holders else _state_word(device, "path")
    return Cell(f"? {word}", Role.HIDDEN)


def _state_word(device: Device, field: str) -> str:
    note = device.notes.get(field)
    if note is None:
        return FactState.UNKNOWN.value
    return "needs root" if note.state is FactState.HIDDEN else note.state.value


def is_blocked(host: Host, group: IommuGroup) -> bool:
    """Return whether host drivers keep a guest from members that are there for one.

    A group that only host drivers use is not viable either, but nobody waits for it.
    """
    if group.viability.viable:
        return False
    members = (host.devices.get(member) for member in group.members)
    return any(d is not None and (d.vfio or not d.driver) and not is_plumbing(d) for d in members)


def _verdict_cell(host: Host, row: Row, glyphs: Glyphs) -> Cell:
    return verdict_cell(host, row.subject, glyphs) if isinstance(row.subject, IommuGroup) else EMPTY


def verdict_cell(host: Host, group: IommuGroup, glyphs: Glyphs) -> Cell:
    """Return in a word whether VFIO could own a group: viable, not viable, or simply in the host's use."""
    if group.viability.viable:
        return Cell("viable", Role.GOOD)
    if is_blocked(host, group):
        return Cell(f"{glyphs.warning} not viable", Role.WARNING)
    return Cell("host use", Role.MUTED)


def _group_cell(host: Host, row: Row, glyphs: Glyphs) -> Cell:
    if isinstance(row.subject, IommuGroup):
        return Cell(row.subject.type or "type ?", Role.MUTED)
    device = row.device
    if device is None:
        return EMPTY
    if device.group is None:
        return Cell(glyphs.none, Role.MUTED)
    group = host.groups.get(device.group)
    if group is None or len(group.members) == 1:
        return Cell(str(int(device.group)), Role.MUTED)
    text = f"{int(device.group)} {glyphs.times}{len(group.members)}"
    if is_blocked(host, group):
        return Cell(f"{text} {glyphs.warning}", Role.WARNING)
    return Cell(text, Role.MUTED)


def _holder_cell(host: Host, row: Row, glyphs: Glyphs) -> Cell:
    subject = row.subject
    if isinstance(subject, IommuGroup):
        return Cell(subject.viability.reason, Role.WARNING if is_blocked(host, subject) else Role.MUTED)
    if isinstance(subject, Holder):
        return Cell(subject.detail or subject.user, Role.MUTED)
    device = row.device
    if device is None:
        return EMPTY
    if device.holders:
        return holders_cell(device.holders)
    if "holders" in device.notes:
        return Cell("? " + _state_word(device, "holders"), Role.HIDDEN)
    if device.path not in (DataPath.IDLE, DataPath.READY) or is_plumbing(device):
        return Cell(glyphs.none, Role.MUTED)
    # Without a look into every process, all that is sure is that nobody has the device itself open.
    return Cell("free" if host.holder_scan.complete or not device.vfio else "not open", Role.FREE)


def holders_cell(holders: Sequence[Holder]) -> Cell:
    """Return who holds a device: the first holder in words, the rest as a number."""
    first = holders[0]
    text = first.words
    if len(holders) > 1:
        text += f" +{len(holders) - 1}"
    return Cell(text, Role.VM if first.kind is HolderKind.VM else Role.HELD)


def _numa_cell(host: Host, row: Row, glyphs: Glyphs) -> Cell:
    device = row.device
    if device is None:
        return EMPTY
    return Cell(glyphs.none if device.numa is None else str(device.numa), Role.MUTED)


def _name_cell(host: Host, row: Row, glyphs: Glyphs) -> Cell:
    if isinstance(row.subject, MdevType):
        return Cell(row.subject.name, Role.MUTED)
    device = row.device
    if isinstance(row.subject, RootPort):
        device = host.devices.get(row.subject.address)
    if device is None:
        return EMPTY
    return Cell(device.name or f"{device.vendor}:{device.device}".strip(":"), Role.MUTED)


def _root_cell(host: Host, row: Row, glyphs: Glyphs) -> Cell:
    device = row.device
    if device is None:
        return EMPTY
    return Cell(glyphs.none if device.root_port is None else str(device.root_port), Role.MUTED)


def _policy_cell(host: Host, row: Row, glyphs: Glyphs) -> Cell:
    policy = row.device.policy if row.device is not None else None
    if policy is None:
        return EMPTY
    return Cell(policy_words(policy) or glyphs.none, Role.WARNING if policy.trust else Role.MUTED)


def policy_words(policy: VfInfo) -> str:
    """Return what a PF enforces on a VF, in a few words; "" when it leaves everything as it comes."""
    words = [policy.mac] * policy.has_mac
    words += [f"vlan {policy.vlan}"] * bool(policy.vlan.id)
    words += [f"max {policy.rate.max}"] * bool(policy.rate.max) + [f"min {policy.rate.min}"] * bool(policy.rate.min)
    words += ["trusted"] * (policy.trust is True)
    words += [f"link {policy.link}"] * (policy.link not in (None, VfLinkState.AUTO))
    return " ".join(words)


def _unit_cell(host: Host, row: Row, glyphs: Glyphs) -> Cell:
    device = row.device
    if device is None:
        return EMPTY
    pmu = host.iommu.pmus.get(device.iommu_unit, "")
    words = f"{device.iommu_unit} {glyphs.arrow} {pmu}" if pmu and pmu != device.iommu_unit else device.iommu_unit
    return Cell(words or glyphs.none, Role.MUTED)


def _rate_column(column_id: str, title: str, measure: Measure, priority: int, help_text: str) -> Column:
    def cell(host: Host, row: Row, glyphs: Glyphs) -> Cell:
        found = figure(host, row, measure)
        if found is None:
            return EMPTY
        if found.value is None:
            word = WORDS.get(found.state, "")
            return Cell(f"{word or glyphs.none:>7}", Role.HIDDEN if word else Role.MUTED)
        return Cell(f"{number(found.value, found.scale):>5} {PREFIXES[found.scale]}", _RATE_ROLES[found.value > 0])

    def value(host: Host, row: Row) -> float | None:
        found = figure(host, row, measure)
        return found.value if found is not None else None

    return Column(column_id, title, 7, priority, cell, help_text, value)


_RATE_ROLES = {True: Role.TEXT, False: Role.MUTED}

RATE_COLUMNS: tuple[Column, ...] = (
    _rate_column(
        "trap",
        "TRAP/s",
        Measure.TRAPS,
        6,
        "traps on device memory, of the whole VM that holds it (KVM); none for ports and nodes",
    ),
    _rate_column(
        "in",
        "IN B/s",
        Measure.IN,
        6,
        "bytes received or read, by the best source there is; for ports and nodes: of all functions but VFs",
    ),
    _rate_column("out", "OUT B/s", Measure.OUT, 6, "bytes sent or written; for ports and nodes as above"),
    _rate_column(
        "irq",
        "IRQ/s",
        Measure.INTERRUPTS,
        8,
        "interrupts that the host delivers to its holder; for ports and nodes as above",
    ),
)
"""Columns of what is measured: "n/a" where the driver does not count, "posted" where the host sees no interrupt."""

COLUMNS: tuple[Column, ...] = (
    Column("device", "DEVICE", 26, 1, _device_cell, "address, UUID, group, type or holder"),
    Column(
        "what",
        "",
        20,
        5,
        _what_cell,
        "interface, VF index, number of VFs, mdev type; whether it drifted from what is saved",
    ),
    Column("driver", "DRIVER", 14, 3, _driver_cell, "bound driver"),
    Column("path", "PATH", 14, 2, _path_cell, "how accesses reach the device; for a group: whether it is viable"),
    RATE_COLUMNS[0],
    Column("group", "GROUP", 8, 4, _group_cell, "IOMMU group; for a group: type of its default domain"),
    Column("holder", "HOLDER", 24, 2, _holder_cell, "who holds it; for a group: who stands in the way"),
    *RATE_COLUMNS[1:],
    Column("numa", "NUMA", 4, 8, _numa_cell, "NUMA node"),
    Column("root", "ROOT PORT", 12, 9, _root_cell, "root port above it"),
    Column("iommu", "IOMMU", 10, 9, _unit_cell, "IOMMU unit that translates for it, and its PMU"),
    Column("policy", "POLICY", 32, 9, _policy_cell, "what the PF enforces on a VF: MAC, VLAN, rates, trust, link"),
    Column("name", "NAME", 32, 7, _name_cell, "product name from pci.ids"),
)
"""Every column, in order."""

COLUMN_IDS = tuple(column.id for column in COLUMNS)
SCREEN_COLUMNS = tuple(column for column in COLUMNS if column.id not in ("root", "iommu", "policy"))
"""What a screen shows where it is wide enough: it measures what is on it."""
DEFAULT_COLUMNS = tuple(column for column in SCREEN_COLUMNS if column not in RATE_COLUMNS)
"""What a report shows unless it is asked for others: nothing that takes a second to measure."""


def columns_named(ids: Iterable[str]) -> tuple[Column, ...]:
    """Return the columns with these ids, in the order asked. Raises ``KeyError`` with the first unknown one."""
    known = {column.id: column for column in COLUMNS}
    return tuple(known[column_id] for column_id in ids)
