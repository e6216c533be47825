"""Records → ``Host``, reusing every object that did not change.

All work comes in steps: a generator that a headless command runs to its end, and that the event loop runs
a few milliseconds at a time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping

from backend.host.doors import HostDoors
from backend.model.device import Device
from backend.model.facts import Notes, no_notes
from backend.model.host import HolderScan, Host, Iommu
from backend.model.ids import BadIdError, DeviceId, GroupId, MdevUuid, PciAddress, id_order, parse_device_id
from backend.model.mdev import MdevParent
from backend.model.steps import Steps, batches
from backend.model.text import clean
from backend.probe import iommu, mdev, pci
from backend.probe.attributes import note_of
from backend.probe.holders import Found, HolderFindings
from backend.probe.isolation import read_weaknesses
from backend.probe.names import PciNames
from backend.probe.surroundings import Surroundings, VfIdentity, listing, read_surroundings, surroundings_of
from backend.state.groups import Groups
from backend.state.join import assign, is_open, join
from backend.state.policies import Policies
from backend.state.reuse import reuse, reuse_each, reuse_map
from backend.state.saved import SavedForBoot
from backend.state.told import ToldPolicies

_NOT_LOOKED = HolderScan(False, reason="holders not looked for yet")


class Collector:
    """Reads a host, as a whole or in parts, and keeps the last picture.

    Args:
        doors: the host.
        full: read of each VF its reset methods and power state too, which no view shows of all VFs at once.
        names: product names; None = the system's.

    Attributes:
        host: the last picture; None before the first full reading.
        look_wanted: whether a device was opened or closed since the last look for holders.
    """

    def __init__(self, doors: HostDoors, *, full: bool = False, names: PciNames | None = None) -> None:
        self._doors = doors
        self._full = full
        self._files = doors.files
        self._names = names or PciNames()
        self._base: dict[DeviceId, Device] = {}
        """Devices as read, holders not joined."""
        self._groups = Groups(doors.files)
        self._parents: dict[str, MdevParent] = {}
        self._findings: HolderFindings | None = None
        self._assigned: dict[DeviceId, tuple[Found, ...]] = {}
        self._told = ToldPolicies()
        self._has_groups = False
        self._saved = SavedForBoot(doors.files)
        self._listed: tuple[list[str], list[str]] = ([], [])
        self.host: Host | None = None
        self.look_wanted = False

    def read_all(self, holders: Callable[[], HolderFindings | None] | None = None) -> Steps[None]:
        """Read everything anew; ``host`` is the result when the steps end.

        ``holders`` is asked last, so that a look for holders can go on beside the reading; None
        when that has not ended.
        """
        around = yield from read_surroundings(self._files, self._names, full=self._full)
        self._has_groups = around.has_groups
        base: dict[DeviceId, Device] = {}
        for address in (yield from pci.list_functions(self._files)):
            device = pci.read_function(self._files, around, address)
            if device is not None:
                known = reuse(self._base.get(address), self._told.put_on(device))
                base[known.id] = known
            yield
        for uuid in mdev.list_mdevs(self._files):
            device = mdev.read_mdev(self._files, around, uuid)
            if device is not None:
                base[uuid] = reuse(self._base.get(uuid), device)
            yield
        self._names.put_file_away()
        self._read_parents()
        yield
        yield from self._groups.read(base)
        self._base = base
        self._saved.look_again()
        findings = holders() if holders is not None else None
        if findings is not None:
            self._findings = findings
        devices = yield from self._join_all()
        yield from self._publish(devices, None)

    def read_some(self, names: Iterable[str]) -> Steps[None]:
        """Read only the devices called ``names`` anew; those that are gone leave the picture.

        The PF of a VF that came or went is read too: its list of VFs changed with it.
        """
        if self.host is None:
            yield from self.read_all()
            return
        wanted = set(names)
        wanted |= {pf for name in wanted if name not in self._base and (pf := pci.read_pf(self._files, name))}
        fresh: dict[DeviceId, Device | None] = {}
        while wanted:
            # In order of address a PF comes before its VFs, and tells them who they are.
            waiting = sorted(wanted, key=id_order)
            around = yield from surroundings_of(self._files, self._names, waiting, has_groups=self._has_groups)
            around.virtual_functions |= self._known_vfs(waiting)
            wanted = set()
            for name in waiting:
                wanted |= self._read_one(name, around, fresh)
                yield
            wanted -= fresh.keys()
        changed = {i: device for i, device in fresh.items() if device is not self._base.get(i)}
        if changed:
            yield from self._replace(changed)

    def _read_one(self, name: str, around: Surroundings, fresh: dict[DeviceId, Device | None]) -> set[str]:
        """Read one device into ``fresh``; return the names of others that must be read because of it."""
        device_id = _device_id(name)
        if device_id is None:
            return set()
        before = self._base.get(device_id)
        if isinstance(device_id, PciAddress):
            read = pci.read_function(self._files, around, device_id)
            after = read if read is None else self._told.put_on(read)
        else:
            after = mdev.read_mdev(self._files, around, device_id)
        fresh[device_id] = after if after is None else reuse(before, after)
        related = _pf_of(before if after is None else after) if before is None or after is None else set()
        related |= self._group_mates(before, after)
        return related | (self._misplaced_vfs(after) if after is not None and after is not before else set())

    def _group_mates(self, before: Device | None, after: Device | None) -> set[str]:
        """Return the members of the group whose node in /dev/vfio came or went with this device's driver."""
        node = [device.group_node if device is not None else "" for device in (before, after)]
        group = next((device.group for device in (after, before) if device is not None), None)
        if node[0] == node[1] or group is None or self.host is None or group not in self.host.groups:
            return set()
        return {str(member) for member in self.host.groups[group].members}

    def _misplaced_vfs(self, pf: Device) -> set[str]:
        """Return the VFs of a PF that are not known, or known by another index."""
        if pf.sriov is None:
            return set()
        places = ((vf, self._base.get(vf)) for vf in pf.sriov.vfs)
        return {str(vf) for vf, known in places if known is None or known.parent != pf.id or known.index is None}

    def _known_vfs(self, names: Iterable[str]) -> dict[str, VfIdentity]:
        """Return what is known of the VFs among ``names``: their PF, index and path never change."""
        known = {}
        for name in names:
            device = self._base.get(PciAddress(name))
            if device is not None and device.index is not None and isinstance(device.id, PciAddress):
                known[name] = VfIdentity(device.id, device.parent, device.index, device.sysfs, device.root_port)
        return known

    def _replace(self, changed: Mapping[DeviceId, Device | None], *, regroup: bool = True) -> Steps[None]:
        """Take ``changed`` into the picture (None: gone), joining and grouping only what they touch.

        Args:
            changed: the devices.
            regroup: whether what changed has to do with their groups.
        """
        host = self.host
        assert host is not None
        affected: set[GroupId] = set()
        base, devices = dict(self._base), dict(host.devices)
        for some in batches(changed.items()):
            for device_id, device in some:
                before = self._base.get(device_id)
                affected |= {d.group for d in (before, device) if d is not None and d.group is not None}
                if device is not None and device.holders != (before.holders if before is not None else ()):
                    self.look_wanted = True
                self._assigned.pop(device_id, None)
                if device is None:
                    self._told.forget(device_id)
                    base.pop(device_id, None)
                    devices.pop(device_id, None)
                else:
                    base[device_id] = device
            yield
        present = [device for device in changed.values() if device is not None]
        if self._findings is not None:
            self._assigned |= yield from assign(present, self._findings, base)
        for fresh in batches(present):
            for device in fresh:
                joined = join(device, self._assigned.get(device.id, ()), self._findings)
                devices[device.id] = reuse(devices.get(device.id), joined)
            yield
        if base.keys() != self._base.keys():
            base = {device_id: base[device_id] for device_id in sorted(base, key=id_order)}
            devices = {device_id: devices[device_id] for device_id in base}
            self._read_parents()
        self._base = base
        yield from self._publish(devices, affected if regroup else set())

    def set_holders(self, findings: HolderFindings) -> Steps[None]:
        """Take in a new look for holders.

        What it says is joined with what each device says of itself, so both must be of the same moment.
        """
        self._findings = findings
        if self.host is None:
            return
        assigned = yield from assign(self._base.values(), findings, self._base)
        moved = []
        for some in batches(self._base.values()):
            asked = (device for device in some if device.id in assigned or is_open(device))
            moved += [str(device.id) for device in asked if pci.was_opened_or_closed(self._files, device)]
            yield
        yield from self.read_some(moved)
        self.look_wanted = False
        devices = yield from self._join_all()
        yield from self._publish(devices, set())

    def holders_failed(self, reason: str) -> Steps[None]:
        """Say that the last look for holders did not come back: what was found before is kept, as stale."""
        taken_at = self._findings.scan.taken_at if self._findings is not None else None
        found = self._findings.found if self._findings is not None else ()
        vms = self._findings.vms if self._findings is not None else ()
        yield from self.set_holders(HolderFindings(found, HolderScan(False, 0, reason, taken_at), vms))

    def set_policies(self, policies: Policies) -> Steps[None]:
        """Take in what PFs enforce on their VFs. Where that was not told, what was told before is kept, as stale."""
        changed = yield from self._told.take(
            policies, self._base, self.host.taken_at if self.host is not None else None
        )
        if changed and self.host is not None:
            yield from self._replace(changed, regroup=False)

    def read_slow(self) -> Steps[None]:
        """Read what changes without an event: mdev capacity, drivers by listing, group types."""
        host = self.host
        if host is None:
            return
        around = yield from read_surroundings(self._files, self._names)
        suspects = []
        for device in list(self._base.values()):
            if (
                device.driver != around.drivers.get(device.id, "")
                or device.netdevs != around.netdevs.get(device.id, ())
                or device.link is not None
                or (device.vfio and pci.was_opened_or_closed(self._files, device))
            ):
                suspects.append(str(device.id))
            yield
        self._read_parents()
        self._saved.look_again()
        yield
        yield from self.read_some(suspects)
        if self.host is not None and (self._parents_differ() or self._saved.changed()):
            yield from self._publish(dict(self.host.devices), set())

    def unlisted(self) -> set[str]:
        """Return the names of devices that came or went since the last reading, by two listings."""
        listed = (listing(self._files, pci.BUS), listing(self._files, mdev.BUS))
        if listed == self._listed:
            return set()
        self._listed = listed
        names = {*listed[0], *listed[1]} ^ self._base.keys()
        return {name for name in names if _device_id(name) is not None}

    def _read_parents(self) -> None:
        parents = mdev.read_parents(self._files)
        self._parents = {name: reuse(self._parents.get(name), parent) for name, parent in parents.items()}

    def _parents_differ(self) -> bool:
        assert self.host is not None
        old = self.host.parents
        return len(old) != len(self._parents) or any(old.get(n) is not p for n, p in self._parents.items())

    def _join_all(self) -> Steps[dict[DeviceId, Device]]:
        self._assigned = {}
        if self._findings is not None:
            self._assigned = yield from assign(self._base.values(), self._findings, self._base)
        old: Mapping[DeviceId, Device] = self.host.devices if self.host is not None else {}
        assigned, findings = self._assigned, self._findings
        devices = {}
        for some in batches(self._base.items()):
            for device_id, device in some:
                found = assigned.get(device_id, ())
                # Most devices are neither held nor on a VFIO driver: nothing can be joined to them.
                joined = join(device, found, findings) if found or device.vfio or device.holders else device
                devices[device_id] = reuse(old.get(device_id), joined)
            yield
        return devices

    def _publish(self, devices: Mapping[DeviceId, Device], affected: set[GroupId] | None) -> Steps[None]:
        """Make ``devices`` the picture; ``affected`` are the groups to judge anew, None means all."""
        old = self.host
        groups = yield from self._groups.judge(devices, old.groups if old is not None else {}, affected)
        yield
        found = self._findings.vms if self._findings is not None else ()
        vms = yield from reuse_each(old.vms if old is not None else {}, ((vm.pid, vm) for vm in found))
        boot = self._saved.compare(devices)
        yield
        devices = self._saved.mark(devices, boot, old.devices if old is not None else {})
        devices = reuse_map(old.devices if old is not None else None, devices)
        yield
        self.host = Host(
            name=old.name if old is not None else clean(self._doors.name(), 128),
            source=self._doors.source.kind,
            source_detail=clean(self._doors.source.detail),
            kernel=old.kernel if old is not None else self._text("/proc/sys/kernel/osrelease"),
            boot_id=old.boot_id if old is not None else self._text("/proc/sys/kernel/random/boot_id"),
            taken_at=self._doors.clock.time(),
            uid=os.geteuid(),
            iommu=self._iommu(),
            devices=devices,
            parents=reuse_map(old.parents if old is not None else None, self._parents),
            groups=groups,
            weaknesses=read_weaknesses(self._files),
            holder_scan=self._findings.scan if self._findings is not None else _NOT_LOOKED,
            vms=reuse_map(old.vms if old is not None else None, vms),
            notes=self._host_notes(),
            boot=reuse(old.boot if old is not None else None, boot),
        )

    def _iommu(self) -> Iommu:
        found = iommu.read_iommu(self._files, self._has_groups)
        return reuse(self.host.iommu if self.host is not None else None, found)

    def _text(self, path: str) -> str:
        try:
            return clean(self._files.read(path, 256))
        except OSError:
            return ""

    def _host_notes(self) -> Notes:
        try:
            self._files.list(pci.BUS)
        except OSError as error:
            return {"devices": note_of(error, pci.BUS)}
        return no_notes()


def _device_id(name: str) -> PciAddress | MdevUuid | None:
    try:
        return parse_device_id(name)
    except BadIdError:
        return None


def _pf_of(device: Device | None) -> set[str]:
    """Return the PF of a VF: its list of VFs changes when the VF comes or goes."""
    return {device.parent} if device is not None and device.parent and isinstance(device.id, PciAddress) else set()
