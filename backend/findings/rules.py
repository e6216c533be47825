"""What an operator should know without asking."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from backend.model.counters import HOST, process_subject
from backend.model.device import DataPath, Device, DeviceKind, VfManager
from backend.model.group import IommuGroup
from backend.model.host import Host
from backend.model.ids import DeviceId
from backend.model.mdev import MdevParent
from backend.model.severity import Severity
from backend.model.steps import Steps, at_once, batches
from backend.model.uses import way_to_viable

_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding."""

    rule: str
    severity: Severity
    subject: str
    """The device id, ``group:42`` or "" for the whole host."""
    text: str
    """One sentence."""
    evidence: str
    remedy: str
    also: tuple[str, ...] = ()
    """Devices that it names beside its subject."""


def find(host: Host) -> tuple[Finding, ...]:
    """Return all findings, the gravest first."""
    return at_once(look_for_findings(host))


def look_for_findings(host: Host) -> Steps[tuple[Finding, ...]]:
    """Return all findings, the gravest first, in steps."""
    found: list[Finding] = []
    for rule in RULES:
        for finding in rule(host):
            if finding is None:
                yield
            else:
                found.append(finding)
        yield
    return tuple(sorted(found, key=lambda finding: _ORDER[finding.severity]))


def named(host: Host) -> frozenset[str]:
    """Return what the findings of a host name: subjects and devices. What is in there has a fault."""
    return frozenset(name for finding in find(host) for name in (finding.subject, *finding.also) if name)


def _isolation(host: Host) -> Iterable[Finding]:
    for weakness in host.weaknesses:
        yield Finding(weakness.id, Severity.WARNING, "", weakness.text, weakness.evidence, weakness.remedy)


def _no_iommu(host: Host) -> Iterable[Finding]:
    if not host.groups and any(d.sriov is not None or d.vfio for d in host.devices.values()):
        yield Finding(
            "no-iommu",
            Severity.WARNING,
            "",
            "there are no IOMMU groups: nothing can be given to a guest safely",
            "/sys/kernel/iommu_groups is empty",
            "turn the IOMMU on in the firmware, and with intel_iommu=on where the kernel needs it",
        )


def _blocked_groups(host: Host) -> Iterable[Finding | None]:
    for groups in batches(host.groups.values()):
        for group in groups:
            yield from _blocked_group(host, group)
        yield None


def _blocked_group(host: Host, group: IommuGroup) -> Iterable[Finding]:
    if group.viability.viable and not group.reserved:
        return
    blocked = [m for m in group.members if m in host.devices and host.devices[m].vfio]
    if blocked and not group.viability.viable:
        yield Finding(
            "group-not-viable",
            Severity.ERROR,
            f"group:{int(group.id)}",
            f"group {int(group.id)} is not viable: {group.viability.reason}",
            f"{', '.join(blocked)} cannot be opened while a member of the group has a host driver",
            way_to_viable(int(group.id), group.viability.culprits, host.devices.get, sure=host.holder_scan.complete),
            (*blocked, *group.viability.culprits),
        )
    if blocked and group.direct:
        yield Finding(
            "group-direct-region",
            Severity.ERROR,
            f"group:{int(group.id)}",
            f"group {int(group.id)} has memory that the firmware reserved: VFIO refuses it",
            "reserved_regions lists a direct region",
            "a firmware setting of the device's vendor may release it",
            tuple(blocked),
        )


def _orphaned_mdevs(host: Host) -> Iterable[Finding]:
    if not host.holder_scan.complete:
        return
    for device in host.devices.values():
        if device.kind is DeviceKind.MDEV and device.defined is False and not device.held:
            yield Finding(
                "mdev-orphaned",
                Severity.WARNING,
                str(device.id),
                f"mdev {device.id} ({device.mdev_type}) of {device.parent} has no holder and no definition",
                "no process has it open, and mdevctl has no file for it",
                "remove it if nobody is about to use it: it takes capacity from its parent",
            )


def _unmanaged_pfs(host: Host) -> Iterable[Finding]:
    for device in host.devices.values():
        sriov = device.sriov
        if sriov is not None and sriov.manager is VfManager.NONE and (sriov.total or 0) > 0:
            yield Finding(
                "pf-unmanaged",
                Severity.INFO,
                str(device.id),
                f"PF {device.id} has no driver: its VFs cannot be enabled",
                "no driver link",
                "bind its host driver, or pci-pf-stub where the device partitions itself",
            )


def _driverless_vfs(host: Host) -> Iterable[Finding]:
    for device in host.devices.values():
        if device.sriov is None or not device.sriov.autoprobe:
            continue
        vfs = [host.devices[vf] for vf in device.sriov.vfs if vf in host.devices]
        idle = [vf for vf in vfs if vf.path is DataPath.IDLE]
        if idle:
            yield Finding(
                "vf-driverless",
                Severity.INFO,
                str(device.id),
                f"{len(idle)} of {len(vfs)} VFs of {_label(device)} have no driver, though autoprobe is on",
                f"first: {idle[0].id}",
                "bind them for guests or for the host",
            )


def _links(host: Host) -> Iterable[Finding]:
    for device in host.devices.values():
        link = device.link
        if link is not None and link.degraded and not device.class_code.startswith("06"):
            yield Finding(
                "link-degraded",
                Severity.WARNING,
                str(device.id),
                f"{_label(device)} runs at {_pace(link.speed, link.width)} of {_pace(link.max_speed, link.max_width)}",
                "current_link_* is below max_link_*",
                "check the slot's width and the riser; a slower slot is no fault",
            )


def _errors(host: Host) -> Iterable[Finding]:
    for device in host.devices.values():
        if device.aer_correctable:
            yield Finding(
                "aer-corrected",
                Severity.WARNING if device.aer_correctable >= 100 else Severity.INFO,
                str(device.id),
                f"{_label(device)} has seen {device.aer_correctable} corrected PCIe errors since boot",
                "aer_dev_correctable",
                "reseat the card, check the link partner: the errors may be counted there",
            )


def _alarms(host: Host) -> Iterable[Finding]:
    for alarm in host.alarms:
        threshold = alarm.threshold
        side = "above" if threshold.above else "below"
        subject, whose = _measured(host, alarm.subject)
        yield Finding(
            f"threshold-{threshold.name}",
            threshold.severity,
            subject,
            f"{whose}: {alarm.what} {alarm.value}, {side} {alarm.limit} for {threshold.seconds:g} s",
            alarm.source,
            f"your threshold {threshold.name}: it is told until {alarm.clear} for {threshold.seconds:g} s",
        )


def _measured(host: Host, subject: str) -> tuple[str, str]:
    """Return the subject of a finding about what was measured, and whose it is in words."""
    if subject == HOST:
        return "", "the whole host"
    device = host.devices.get(DeviceId(subject))
    if device is not None:
        return subject, _label(device)
    for one in host.devices.values():
        for holder in one.holders:
            if holder.pid is not None and process_subject(holder.pid) == subject:
                return str(one.id), f"{holder.kind} {holder.name}"
    return "", subject


def _exhausted(host: Host) -> Iterable[Finding]:
    for parent in host.parents.values():
        if parent.types and all(mdev_type.available == 0 for mdev_type in parent.types):
            yield Finding(
                "mdev-exhausted",
                Severity.INFO,
                _subject(parent),
                f"mdev parent {parent.name} has no capacity left for any of its {len(parent.types)} types",
                "available_instances reads 0 everywhere",
                "remove mdevs that nobody holds",
            )


def _boot(host: Host) -> Iterable[Finding]:
    boot = host.boot
    if boot is None:
        return
    if boot.error:
        yield Finding(
            "boot-file",
            Severity.ERROR,
            "",
            f"what is saved for boot cannot be read: {boot.error}",
            boot.file,
            "mend it: at the next boot nothing of it is made",
        )
    for drift in boot.drift:
        other = bool(drift.claim)
        yield Finding(
            "boot-drift",
            Severity.INFO if other else Severity.WARNING,
            drift.device if DeviceId(drift.device) in host.devices else "",
            f"{drift.device} is not as it is saved for boot: {drift.text}",
            drift.claim or boot.file,
            "save it anew, or take it out: `iovtop boot save`" if other
            else "`iovtop boot apply` makes it what was saved, `iovtop boot save` saves what it is",
        )  # fmt: skip
    for lost in boot.lost:
        yield Finding(
            "boot-lost", Severity.WARNING, "", f"saved for boot: {lost.name}: {lost.why}", boot.file, lost.remedy
        )


def _hidden(host: Host) -> Iterable[Finding]:
    scan = host.holder_scan
    if not scan.complete and scan.reason and scan.taken_at is not None:
        yield Finding("holders-hidden", Severity.INFO, "", f"not every holder is known: {scan.reason}", "/proc", "")


def _subject(parent: MdevParent) -> str:
    return str(parent.device) if parent.device is not None else f"parent:{parent.name}"


def _pace(speed: float | None, width: int | None) -> str:
    return f"{'?' if speed is None else f'{speed:g}'} GT/s x{'?' if width is None else width}"


def _label(device: Device) -> str:
    return f"{device.id} {device.netdevs[0]}" if device.netdevs else str(device.id)


RULES: tuple[Callable[[Host], Iterable[Finding | None]], ...] = (
    _isolation,
    _no_iommu,
    _blocked_groups,
    _orphaned_mdevs,
    _unmanaged_pfs,
    _driverless_vfs,
    _links,
    _errors,
    _alarms,
    _exhausted,
    _boot,
    _hidden,
)
"""Every rule, in the order in which equally grave findings are told."""
