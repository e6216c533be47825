"""SR-IOV: the PF's files, and VFs coming and going (``drivers/pci/iov.c``)."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from backend.simhost.function import Function, SriovState, VendorVgpu, VfPlan, address_of
from backend.simhost.models import MODELS
from backend.simhost.parse import boolean, einval, number
from backend.simhost.schedule import Operation, Wait
from backend.simhost.tree import Attr, Entry, oops

if TYPE_CHECKING:
    from backend.simhost.kernel import Kernel

_U16 = 65_535
_I32 = 2**31 - 1


def state(f: Function) -> SriovState:
    """Return the SR-IOV state of a PF."""
    assert f.sriov is not None
    return f.sriov


class Sriov:
    """Writers and readers of the ``sriov_*`` files."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def table(self) -> dict[str, Entry]:
        """Return the files of a PF."""
        return {
            "sriov_drivers_autoprobe": Attr(lambda f: b"1\n" if state(f).autoprobe else b"0\n", self._write_autoprobe),
            "sriov_numvfs": Attr(lambda f: f"{state(f).num}\n".encode(), self._write_numvfs, lambda f: f.locked),
            "sriov_offset": Attr(lambda f: f"{state(f).model.offset}\n".encode()),
            "sriov_stride": Attr(lambda f: f"{state(f).model.stride}\n".encode()),
            "sriov_totalvfs": Attr(lambda f: f"{state(f).total}\n".encode()),
            "sriov_vf_device": Attr(lambda f: f"{MODELS[state(f).model.vf].device:x}\n".encode()),
            "sriov_vf_total_msix": Attr(self._total_msix, None, lambda f: f.locked),
        }

    @staticmethod
    def _write_autoprobe(f: Function, data: bytes) -> None:
        state(f).autoprobe = boolean(data)

    @staticmethod
    def _total_msix(f: Function) -> bytes:
        return f"{state(f).model.vf_msix if f.driver is not None and not f.vfio else 0}\n".encode()

    def write_msix_count(self, f: Function, data: bytes) -> Operation:
        """Take a write of a VF's ``sriov_vf_msix_count``."""
        wanted = number(data, 0, _I32)
        pf = f.pf
        assert pf is not None
        yield from pf.lock.acquire("sriov_vf_msix_count_store")
        pf.lock.release()
        if pf.driver is None or pf.sriov is None or not pf.sriov.model.vf_msix or pf.vfio is not None:
            raise oops(errno.EOPNOTSUPP)
        if f.driver is not None:
            raise oops(errno.EBUSY)
        if wanted > pf.sriov.model.vf_msix // 4:
            raise oops(errno.EOVERFLOW)
        f.msix = wanted

    def _write_numvfs(self, f: Function, data: bytes) -> Operation:
        wanted = number(data, 0, _U16)
        if wanted > state(f).total:
            raise oops(errno.ERANGE)
        yield from f.lock.acquire("sriov_numvfs_store")
        try:
            yield from self._set(f, wanted)
        finally:
            f.lock.release()

    def _set(self, f: Function, wanted: int) -> Operation:
        sriov = state(f)
        if wanted == sriov.num:
            return
        how = f.driver.spec.sriov if f.driver is not None else ""
        if not how or (how == "vfio" and not self._kernel.vfio.enable_sriov):
            raise oops(errno.ENOENT)
        if wanted == 0:
            yield from self.disable(f)
            return
        if sriov.num:
            raise oops(errno.EBUSY)
        yield from self.enable(f, wanted)

    def enable(self, f: Function, wanted: int) -> Operation:
        """Bring up VFs one by one. Raises ENOMEM where buses or MMIO windows do not hold them."""
        sriov = state(f)
        count = min(wanted, sriov.at_most) if sriov.at_most else wanted
        last = f.rid + sriov.model.offset + sriov.model.stride * (count - 1)
        if last >> 8 > self._last_bus(f) or (sriov.enomem_above and count > sriov.enomem_above):
            raise oops(errno.ENOMEM)
        guarded = self._kernel.core.features.rescan_lock_on_sriov
        if guarded:
            yield from self._kernel.pci.rescan_lock.acquire("pci_lock_rescan_remove")
        try:
            yield Wait(sriov.delay)
            for index in range(count):
                vf = self.add_vf(f, index)
                yield Wait(sriov.vf_delay)
                if self._kernel.pci.autoprobe:
                    self._kernel.pci.attach(vf)
            sriov.num = count
            self._kernel.pci.emit("change", f)
        finally:
            if guarded:
                self._kernel.pci.rescan_lock.release()

    def _last_bus(self, f: Function) -> int:
        return 0 if f.port is None else self._kernel.bus_range(f.port)[1]

    def add_vf(self, f: Function, index: int) -> Function:
        """Make one VF, as ``pci_iov_add_virtfn`` does; its driver is not probed yet."""
        sriov = state(f)
        plan = sriov.plans.get(index)
        group = plan.group if plan is not None else None
        if sriov.shared_group and f.group is not None:
            group = f.group.id
        rid = f.rid + sriov.model.offset + sriov.model.stride * index
        model = MODELS[sriov.model.vf]
        vf = self._kernel.pci.add(
            address_of(f.domain, rid), model, port=f.port, pf=f, role="vf", group=group, numa=f.numa
        )
        vf.index = index
        sriov.vfs.append(vf)
        f.dir.link(f"virtfn{index}", vf.dir)
        if f.driver is not None and f.driver.spec.sriov == "vfio":
            vf.override = f.driver.spec.name  # "Captured SR-IOV VF ... driver_override"
        if sriov.nvidia:
            vf.nvidia = VendorVgpu(types=self._kernel.vgpu.types)
        self._kernel.pci.emit("change", vf)
        return vf

    def disable(self, f: Function) -> Operation:
        """Remove all VFs in order; waits for each that somebody holds."""
        sriov = state(f)
        guarded = self._kernel.core.features.rescan_lock_on_sriov
        held_by_caller = f.taken
        if guarded and not held_by_caller:
            yield from self._kernel.pci.rescan_lock.acquire("pci_lock_rescan_remove")
        try:
            for vf in list(sriov.vfs):
                f.dir.drop(f"virtfn{vf.index}")
                yield from self._kernel.pci.remove(vf)
                sriov.vfs.remove(vf)
            yield Wait(sriov.off_delay)
            sriov.num = 0
            for kept in (sriov.policies, sriov.traffic, sriov.functions):
                kept.clear()
        finally:
            if guarded and not held_by_caller:
                self._kernel.pci.rescan_lock.release()

    def settle_plan(self, vf: Function, plan: VfPlan | None) -> None:
        """Bring a VF of a scenario into the state it begins with."""
        pci = self._kernel.pci
        if plan is None or plan.driver is None:
            if pci.autoprobe:
                pci.attach(vf)
            return
        if plan.override is not None:
            vf.override = plan.override or None
        elif plan.driver.startswith("vfio") or plan.driver.endswith("vfio_pci"):
            vf.override = plan.driver
        vf.suspended = plan.suspended
        if plan.driver:
            driver = pci.load_driver(plan.driver)
            pf, kept = vf.pf, vf.override
            if vf.override is None and pf is not None and pf.sriov is not None and not pf.sriov.autoprobe:
                vf.override = plan.driver
            if not driver.matches(vf):
                vf.override = plan.driver
            try:
                pci.probe(vf, driver)
            except OSError as error:
                raise einval() from error
            vf.override = kept
