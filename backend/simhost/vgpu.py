"""Vendor vGPU types of a VF: the ``nvidia/`` directory that took the place of mdev."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from backend.simhost.function import Function
from backend.simhost.parse import number
from backend.simhost.schedule import Operation
from backend.simhost.tree import Attr, Entry, oops

if TYPE_CHECKING:
    from backend.simhost.kernel import Kernel

_FRAME_BUFFER = 48
_L40S = (
    (1155, 1),
    (1156, 2),
    (1157, 3),
    (1158, 4),
    (1159, 6),
    (1160, 8),
    (1161, 12),
    (1162, 16),
    (1163, 24),
    (1164, 48),
)
_MIGRATION = ("stop-copy", "pre-copy", "dirty-tracking")


class VendorVgpus:
    """Files and rules of vendor vGPU types; all VFs of a PF share its frame buffer."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.types = tuple((number, f"NVIDIA L40S-{size}Q") for number, size in _L40S)
        self._sizes = dict(_L40S)
        self._table: dict[str, Entry] = {
            "creatable_vgpu_types": Attr(self._creatable),
            "current_vgpu_type": Attr(lambda f: f"{f.nvidia.current}\n".encode(), self._write_type),
            "gpu_instance_id": Attr(lambda f: b"0\n", lambda f, data: None),
            "placement_id": Attr(lambda f: b"65535\n", lambda f, data: None),
            "vgpu_params": Attr(lambda f: b"\n", lambda f, data: None),
            "warm_update": Attr(lambda f: b"0\n", lambda f, data: None),
        }
        kernel.classes.on_bound.append(self._bound)

    def _bound(self, f: Function) -> None:
        if f.nvidia is not None and f.driver is not None and f.driver.spec.name == "nvidia":
            f.dir.add("nvidia", table=self._table, owner=f)

    def _free(self, f: Function) -> int:
        pf = f.pf
        if pf is None or pf.sriov is None:
            return 0
        used = sum(self._sizes.get(vf.nvidia.current, 0) for vf in pf.sriov.vfs if vf.nvidia is not None)
        return _FRAME_BUFFER - used

    def _creatable(self, f: Function) -> bytes:
        lines = ["ID    : vGPU Name"]
        if f.nvidia is not None and not f.nvidia.current:
            free = self._free(f)
            lines += [f"{kind:<6}: {name}" for kind, name in f.nvidia.types if self._sizes[kind] <= free]
        return ("\n".join(lines) + "\n").encode()

    def _write_type(self, f: Function, data: bytes) -> Operation | None:
        vgpu = f.nvidia
        assert vgpu is not None
        wanted = number(data, 0, 2**31 - 1)
        if wanted == 0:
            return self._clear(f) if vgpu.current else None
        if vgpu.current:
            raise oops(errno.EBUSY)
        if wanted not in self._sizes or self._sizes[wanted] > self._free(f):
            raise oops(errno.EINVAL)
        self.set_type(f, wanted)
        return None

    def set_type(self, f: Function, kind: int) -> None:
        """Give a VF a vGPU type: it becomes a VFIO device."""
        assert f.nvidia is not None
        f.nvidia.current = kind
        self._kernel.vfio.register(f, core=False, migration=_MIGRATION)

    def _clear(self, f: Function) -> Operation:
        if f.held:
            raise oops(errno.EBUSY)
        yield from self._kernel.vfio.unregister(f)
        assert f.nvidia is not None
        f.nvidia.current = 0
