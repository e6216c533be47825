"""The detail of one row: sections of labelled lines, for the detail pane and the text report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from backend.model.device import SOURCES, Device, DeviceKind
from backend.model.facts import fact
from backend.model.group import IommuGroup
from backend.model.holder import Holder
from backend.model.host import Host
from backend.model.ids import PciAddress
from backend.model.links import VfLinkState
from backend.model.mdev import MdevParent, MdevType
from backend.present.columns import Cell, Role, describe_device, verdict_cell
from backend.present.glyphs import Glyphs
from backend.present.lines import Line, Section
from backend.present.machines import virtual_machine
from backend.present.tree import NumaNode, RootPort, Row, holder_key, is_plumbing


def title_of(row: Row) -> tuple[str, str]:
    """Return what a row is called, and a few words beside it."""
    subject = row.subject
    if isinstance(subject, Device):
        below = f"of {subject.parent}" if subject.parent else ""
        return str(subject.id), " ".join(filter(None, [subject.kind.value.upper(), describe_device(subject), below]))
    if isinstance(subject, IommuGroup):
        return f"group {int(subject.id)}", f"{len(subject.members)} member{'s' * (len(subject.members) != 1)}"
    if isinstance(subject, MdevParent):
        return subject.name, "mdev parent"
    if isinstance(subject, MdevType):
        return subject.id, subject.name
    if isinstance(subject, NumaNode):
        return "no NUMA node told" if subject.number is None else f"NUMA node {subject.number}", _count(subject)
    if isinstance(subject, RootPort):
        return f"root port {subject.address}", _count(subject)
    return subject.name, subject.kind.value


def _count(subject: NumaNode | RootPort) -> str:
    return f"{subject.devices} device{'s' * (subject.devices != 1)}, {subject.held} held"


def sections(host: Host, row: Row, glyphs: Glyphs) -> tuple[Section, ...]:
    """Return everything worth saying about a row."""
    subject = row.subject
    if isinstance(subject, Device):
        return tuple(s for s in _device(host, subject, glyphs) if s.lines)
    if isinstance(subject, IommuGroup):
        return (_group(host, subject, glyphs), _members(host, subject))
    if isinstance(subject, MdevParent):
        return (_parent(subject), *(Section(t.id, _type_lines(t)) for t in subject.types))
    if isinstance(subject, MdevType):
        return (Section("Type", _type_lines(subject)),)
    if isinstance(subject, NumaNode):
        return (_near(host, subject),)
    if isinstance(subject, RootPort):
        port = host.devices.get(subject.address)
        return tuple(s for s in _device(host, port, glyphs) if s.lines) if port is not None else ()
    vm = host.vms.get(subject.pid) if subject.pid is not None else None
    return (_holder(subject), *(virtual_machine(vm) if vm is not None else ()), _held_by(host, subject))


def _device(host: Host, device: Device, glyphs: Glyphs) -> Iterable[Section]:
    yield Section("", tuple(_overview(host, device, glyphs)))
    yield Section("SR-IOV", tuple(_sriov(device)))
    yield Section("Policy", tuple(_policy(device)))
    yield Section("Saved for boot", tuple(_saved(device, glyphs)))
    yield Section("vGPU", tuple(_vgpu(device)))
    yield Section("mdev types", tuple(_types(host, device)))
    yield Section("Chain", tuple(_chain(host, device, glyphs)))
    yield Section("Hardware", tuple(_hardware(device, glyphs)))
    yield Section("Not known", tuple(_notes(device)))


def _value(device: Device, field: str, text: str, role: Role = Role.TEXT, extra: str = "") -> Line:
    note = device.notes.get(field)
    if note is not None:
        return Line(field.replace("_", " "), Cell(text or note.state.value, Role.HIDDEN), note.reason)
    return Line(field.replace("_", " "), Cell(text, role), extra)


def _overview(host: Host, device: Device, glyphs: Glyphs) -> Iterable[Line]:
    if device.name:
        yield Line("name", Cell(device.name))
    if device.holders:
        for holder in device.holders:
            yield Line("holder", Cell(holder.name, Role.VM if holder.kind == "vm" else Role.HELD), _evidence(holder))
    else:
        yield _value(device, "holders", "nobody seen" if "holders" not in device.notes else "", Role.FREE)
    word = f"{glyphs.paths[device.path]} {device.path}" if device.path else ""
    yield _value(device, "path", word, Role(device.path.value) if device.path else Role.HIDDEN)
    driver = device.driver or "none"
    yield Line("driver", Cell(driver, Role.VFIO if device.vfio else Role.TEXT), "VFIO" if device.vfio else "")
    group = host.groups.get(device.group) if device.group is not None else None
    if group is not None:
        verdict = verdict_cell(host, group, glyphs)
        members = len(group.members)
        count = f"{members} member{'s' * (members != 1)}"
        reason = f"{count}: {group.viability.reason}" if verdict.role is Role.WARNING else count
        yield Line("group", Cell(f"{int(group.id)}  {verdict.text}", verdict.role), reason)
    elif device.kind is not DeviceKind.MDEV:
        yield Line("group", Cell("none", Role.WARNING), "no IOMMU in front of it")
    nodes = " ".join(filter(None, [device.vfio_node, device.group_node]))
    if nodes:
        yield Line("VFIO node", Cell(nodes))
    if device.parent:
        yield Line("parent", Cell(device.parent, Role.ID))
    if device.netdevs:
        yield Line("interface", Cell(" ".join(device.netdevs)))
    if device.blocks:
        yield Line("block", Cell(" ".join(device.blocks)))
    if device.mdev_type:
        yield Line("type", Cell(device.mdev_type, Role.MEDIATED))


def _evidence(holder: Holder) -> str:
    pid = f"pid {holder.pid}" if holder.pid is not None else ""
    via = f"by {holder.via}" if holder.via else ""
    return " · ".join(filter(None, [holder.kind.value, pid, holder.user, holder.detail, via]))


def _sriov(device: Device) -> Iterable[Line]:
    sriov = device.sriov
    if sriov is None:
        return
    total = "?" if sriov.total is None else str(sriov.total)
    yield Line("VFs", Cell(f"{len(sriov.vfs)} of {total}"), f"device id {sriov.vf_device}" if sriov.vf_device else "")
    yield Line("managed by", Cell(sriov.manager.value, Role.WARNING if sriov.manager == "none" else Role.TEXT))
    if sriov.offset is not None and sriov.stride is not None:
        yield Line("offset, stride", Cell(f"{sriov.offset}, {sriov.stride}"))
    if sriov.autoprobe is not None:
        yield Line("autoprobe", Cell("on" if sriov.autoprobe else "off"))


def _policy(device: Device) -> Iterable[Line]:
    """What the PF enforces on a VF."""
    policy = device.policy
    if policy is None:
        return
    stale = device.notes.get("policy")
    own = "set by the host" if policy.has_mac else "none set: the VF has its own"
    yield Line("MAC", Cell(policy.mac if policy.has_mac else "its own"), own if stale is None else stale.reason)
    yield Line("VLAN", Cell(str(policy.vlan) if policy.vlan.id else "none"))
    rate = policy.rate
    words = [f"at most {rate.max} Mbit/s"] * bool(rate.max) + [f"at least {rate.min} Mbit/s"] * bool(rate.min)
    yield Line("rate", Cell(", ".join(words) or "no limit"))
    yield Line("spoof check", _switch(policy.spoofcheck, Role.TEXT))
    yield Line("trust", _switch(policy.trust, Role.WARNING))
    if policy.link is not None:
        yield Line("link", Cell(policy.link, Role.WARNING if policy.link is VfLinkState.DISABLE else Role.TEXT))


def _switch(on: bool | None, role: Role) -> Cell:
    if on is None:
        return Cell("not reported", Role.HIDDEN)
    return Cell("on", role) if on else Cell("off")


def _saved(device: Device, glyphs: Glyphs) -> Iterable[Line]:
    """How a device differs from what is saved of it."""
    if device.drift is None:
        return
    if not device.drift:
        yield Line("drift", Cell("none", Role.GOOD), "it is as it was saved")
    for drift in device.drift:
        role = Role.MUTED if drift.claim else Role.WARNING
        now = Cell(f"{glyphs.warning} {drift.live}, saved {drift.saved}", role)
        yield Line(drift.what, now, drift.claim or "`iovtop boot apply` makes it what was saved")


def _vgpu(device: Device) -> Iterable[Line]:
    if device.vgpu is None:
        return
    yield Line("type", Cell(device.vgpu.current or "none", Role.MEDIATED))
    for creatable in device.vgpu.creatable:
        yield Line("could be", Cell(creatable))


def _types(host: Host, device: Device) -> Iterable[Line]:
    parent = host.parents.get(str(device.id))
    for mdev_type in parent.types if parent is not None else ():
        free = "?" if mdev_type.available is None else str(mdev_type.available)
        yield Line(mdev_type.id, Cell(f"{len(mdev_type.instances)} made, {free} free"), mdev_type.name)


def _hardware(device: Device, glyphs: Glyphs) -> Iterable[Line]:
    if device.vendor:
        yield Line("ids", Cell(f"{device.vendor}:{device.device}"), f"subsystem {device.subsystem}")
        yield Line("class", Cell(device.class_code))
        yield _value(device, "numa", glyphs.none if device.numa is None else str(device.numa))
        if not device.iommu_unit:
            yield Line("root port", Cell(str(device.root_port or glyphs.none)))
    if device.power:
        yield _value(device, "power", device.power)
    if device.link is not None:
        link = device.link
        text = f"{_number(link.speed)} GT/s x{_number(link.width)}"
        best = f"of {_number(link.max_speed)} GT/s x{_number(link.max_width)}"
        yield Line("link", Cell(text, Role.WARNING if link.degraded else Role.TEXT), best)
    if device.kind is not DeviceKind.MDEV and (device.reset_methods is not None or "reset_methods" in device.notes):
        yield _value(device, "reset_methods", " ".join(device.reset_methods or ()) or glyphs.none)
    if device.aer_correctable is not None:
        role = Role.WARNING if device.aer_correctable else Role.TEXT
        yield Line("AER corrected", Cell(str(device.aer_correctable), role), "since boot")
    yield Line("sysfs", Cell(device.sysfs, Role.MUTED))


def _chain(host: Host, device: Device, glyphs: Glyphs) -> Iterable[Line]:
    """Yield what lies between a function and memory, and who counts there."""
    if not device.iommu_unit:
        return
    port = device.root_port
    yield Line("root port", Cell(str(port or glyphs.none), Role.ID if port else Role.MUTED))
    yield Line("IOMMU unit", Cell(device.iommu_unit), "translates for it")
    pmu = host.iommu.pmus.get(device.iommu_unit, "")
    if pmu and isinstance(device.id, PciAddress):
        yield Line("PMU", Cell(pmu), f"counts it by id {device.id.requester:#06x}")
    else:
        yield Line("PMU", Cell("none", Role.MUTED), "this unit counts nothing by function")


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:g}"


def _notes(device: Device) -> Iterable[Line]:
    for field in device.notes:
        known = fact(device, field, SOURCES)
        yield Line(field.replace("_", " "), Cell(known.state.value, Role.HIDDEN), known.reason)


def _near(host: Host, node: NumaNode) -> Section:
    """Count what is near a node by who uses it: what a guest pinned there could be given."""
    near = [d for d in host.devices.values() if d.numa == node.number and not is_plumbing(d)]
    counts = Counter((d.kind, d.path) for d in near)
    lines = [
        Line(f"{kind.value} {path.value if path else 'unknown'}", Cell(str(number)))
        for (kind, path), number in sorted(counts.items(), key=lambda item: (item[0][0].value, str(item[0][1])))
    ]
    return Section("Devices by kind and path", tuple(lines))


def _group(host: Host, group: IommuGroup, glyphs: Glyphs) -> Section:
    lines = [Line("verdict", verdict_cell(host, group, glyphs), group.viability.reason)]
    lines.append(Line("default domain", Cell(group.type or glyphs.none), "not the present translation"))
    for region in group.reserved:
        role = Role.DANGER if region.kind == "direct" else Role.MUTED
        hint = "VFIO refuses the group for it" if region.kind == "direct" else ""
        lines.append(Line(region.kind, Cell(f"{region.start:#x}-{region.end:#x}", role), hint))
    return Section("", tuple(lines))


def _members(host: Host, group: IommuGroup) -> Section:
    lines = []
    for member in group.members:
        device = host.devices.get(member)
        driver = device.driver if device is not None else ""
        role = Role.WARNING if member in group.viability.culprits else Role.TEXT
        lines.append(Line(driver or "no driver", Cell(str(member), role), device.name if device is not None else ""))
    return Section("Members", tuple(lines))


def _parent(parent: MdevParent) -> Section:
    return Section(
        "",
        (
            Line("isolation", Cell(parent.isolation.value), "told by its driver"),
            Line("device", Cell(str(parent.device) if parent.device else "virtual")),
            Line("sysfs", Cell(parent.sysfs, Role.MUTED)),
        ),
    )


def _type_lines(mdev_type: MdevType) -> tuple[Line, ...]:
    available = "?" if mdev_type.available is None else str(mdev_type.available)
    lines = [Line("name", Cell(mdev_type.name)), Line("free", Cell(available), f"{len(mdev_type.instances)} made")]
    if mdev_type.description:
        lines.append(Line("description", Cell(mdev_type.description, Role.MUTED)))
    if mdev_type.device_api:
        lines.append(Line("API", Cell(mdev_type.device_api)))
    return tuple(lines)


def _holder(holder: Holder) -> Section:
    lines = [Line("kind", Cell(holder.kind.value))]
    if holder.pid is not None:
        lines.append(Line("pid", Cell(str(holder.pid)), holder.user))
    if holder.detail:
        lines.append(Line("use", Cell(holder.detail)))
    if holder.via:
        lines.append(Line("known by", Cell(holder.via)))
    return Section("", tuple(lines))


def _held_by(host: Host, holder: Holder) -> Section:
    key = holder_key(holder)
    lines = [
        Line(device.driver or "no driver", Cell(str(device.id), Role.ID), describe_device(device))
        for device in host.devices.values()
        if any(holder_key(other) == key for other in device.holders)
    ]
    return Section("Holds", tuple(lines))
