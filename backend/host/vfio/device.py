"""A VFIO device, opened for a moment by nobody else than us. Every call may wait for its driver."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from types import TracebackType
from typing import BinaryIO, Self

from backend.host.vfio import uapi
from backend.host.vfio.uapi import Feature, Migration, RegionFlag, State
from backend.model.vfio import VfioIrq, VfioLook, VfioMigration, VfioRegion

_BUSES = ("/sys/bus/mdev/devices", "/sys/bus/pci/devices")
_CHUNK = 1 << 20


_REGIONS = (*(f"BAR {index}" for index in range(6)), "ROM", "config", "VGA")
_IRQS = ("INTx", "MSI", "MSI-X", "error", "request")


def _areas(info: bytes, place: int) -> tuple[tuple[int, int], ...]:
    """Return the only areas of a region that may be mapped, as a capability of it tells; () where none does."""
    while place:
        kind, _, after = uapi.CAPABILITY.unpack_from(info, place)
        if kind == uapi.SPARSE_MMAP:
            first = place + uapi.CAPABILITY.size
            count = uapi.SPARSE.unpack_from(info, first)[0]
            begin = first + uapi.SPARSE.size
            return tuple(uapi.AREA.unpack_from(info, begin + number * uapi.AREA.size) for number in range(count))
        place = after
    return ()


class VfioDevice:
    """A device that is open as long as this is entered.

    Raises ``OSError`` as the kernel does: ENOENT without a VFIO driver, EBUSY when somebody else has it or its group,
    EPERM for a group that is not viable, EACCES where a VF token is wanted.

    Args:
        name: PCI address or UUID.
        token: VF token, for a PF on vfio-pci and its VFs; "" = none.
    """

    def __init__(self, name: str, token: str = "") -> None:
        self._name = name
        self._token = token
        self._kept = contextlib.ExitStack()
        self._device = -1

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as opening:
            self._kept = opening
            node = self._node()
            self._device = self._by_cdev(node) if node and not self._token else self._by_group()
            self._kept = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kept.close()

    def _folder(self) -> str:
        return next((f"{bus}/{self._name}" for bus in _BUSES if os.path.isdir(f"{bus}/{self._name}")), "")

    def _node(self) -> str:
        """Return the device's own node; "" where this kernel has none, or no IOMMUFD."""
        names = os.listdir(f"{self._folder()}/vfio-dev")
        node = f"/dev/vfio/devices/{names[0]}" if names else ""
        return node if os.path.exists(node) and os.path.exists("/dev/iommu") else ""

    def _open(self, path: str) -> int:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._kept.callback(os.close, descriptor)
        return descriptor

    def _by_cdev(self, node: str) -> int:
        device, iommufd = self._open(node), self._open("/dev/iommu")
        self._call(device, uapi.DEVICE_BIND_IOMMUFD, uapi.BIND.pack(uapi.BIND.size, 0, iommufd, 0))
        made = self._call(iommufd, uapi.IOAS_ALLOC, uapi.IOAS.pack(uapi.IOAS.size, 0, 0))
        space = uapi.IOAS.unpack(made)[2]
        self._call(device, uapi.DEVICE_ATTACH_IOAS, uapi.IOAS.pack(uapi.IOAS.size, 0, space))
        return device

    def _by_group(self) -> int:
        number = os.path.basename(os.readlink(f"{self._folder()}/iommu_group"))
        group, container = self._open(f"/dev/vfio/{number}"), self._open("/dev/vfio/vfio")
        status = self._call(group, uapi.GROUP_STATUS, uapi.STATUS.pack(uapi.STATUS.size, 0))
        if not uapi.STATUS.unpack(status)[1] & uapi.VIABLE:
            raise OSError(errno.EPERM, f"group {number} is not viable", self._name)
        self._call(group, uapi.GROUP_SET_CONTAINER, container.to_bytes(4, "little"))
        fcntl.ioctl(container, uapi.SET_IOMMU, uapi.TYPE1)
        word = f"{self._name} vf_token={self._token}" if self._token else self._name
        device: int = fcntl.ioctl(group, uapi.GROUP_GET_DEVICE, bytearray(f"{word}\0".encode()))
        self._kept.callback(os.close, device)
        return device

    @staticmethod
    def _call(descriptor: int, code: int, argument: bytes) -> bytes:
        """Make a call, and return its argument as the kernel left it."""
        buffer = bytearray(argument)
        fcntl.ioctl(descriptor, code, buffer)
        return bytes(buffer)

    def _feature(self, number: Feature, how: int, data: bytes) -> bytes:
        size = uapi.FEATURE.size
        argument = uapi.FEATURE.pack(size + len(data), number | how) + data
        return self._call(self._device, uapi.DEVICE_FEATURE, argument)[size:]

    @property
    def migration(self) -> Migration:
        """What the driver can do for a migration. Raises ENOTTY where it can do nothing."""
        empty = bytes(uapi.FLAGS.size)
        return Migration(uapi.FLAGS.unpack(self._feature(Feature.MIGRATION, uapi.FEATURE_GET, empty))[0])

    @property
    def state(self) -> State:
        """The state in which it is."""
        return State(uapi.STATE.unpack(self._feature(Feature.STATE, uapi.FEATURE_GET, bytes(uapi.STATE.size)))[0])

    def look(self) -> VfioLook:
        """Return what it says of itself. What it does not know is left out."""
        _, flags, regions, irqs, _, _ = uapi.INFO.unpack(
            self._call(self._device, uapi.DEVICE_INFO, uapi.INFO.pack(uapi.INFO.size, 0, 0, 0, 0, 0))
        )
        return VfioLook(
            self._name,
            bool(flags & uapi.RESETTABLE),
            tuple(region for index in range(regions) if (region := self._region(index)) is not None),
            tuple(irq for index in range(irqs) if (irq := self._irq(index)) is not None),
            self._offered(),
        )

    def _region(self, index: int) -> VfioRegion | None:
        try:
            info = self._region_info(index, uapi.REGION.size)
            if (whole := uapi.REGION.unpack_from(info)[0]) > len(info):
                info = self._region_info(index, whole)
        except OSError:
            return None
        _, flags, _, capability, size, _ = uapi.REGION.unpack_from(info)
        if not size:
            return None
        has = RegionFlag(flags)
        areas = _areas(info, capability) if RegionFlag.CAPS in has else ()
        name = _REGIONS[index] if index < len(_REGIONS) else f"region {index}"
        return VfioRegion(
            name, size, RegionFlag.READ in has, RegionFlag.WRITE in has, RegionFlag.MMAP in has or bool(areas), areas
        )

    def _region_info(self, index: int, size: int) -> bytes:
        argument = uapi.REGION.pack(size, 0, index, 0, 0, 0).ljust(size, b"\0")
        return self._call(self._device, uapi.REGION_INFO, argument)

    def _irq(self, index: int) -> VfioIrq | None:
        try:
            info = self._call(self._device, uapi.IRQ_INFO, uapi.IRQ.pack(uapi.IRQ.size, 0, index, 0))
        except OSError:
            return None
        count = uapi.IRQ.unpack(info)[3]
        return VfioIrq(_IRQS[index] if index < len(_IRQS) else f"interrupt {index}", count) if count else None

    def _offered(self) -> VfioMigration | None:
        try:
            features = self.migration
        except OSError:
            return None
        words = tuple((flag.name or "").lower().replace("_", "-") for flag in features)
        return VfioMigration(words, self.state.name, self._data_size(), self._logs_writes())

    def _data_size(self) -> int | None:
        try:
            empty = bytes(uapi.FLAGS.size)
            size: int = uapi.FLAGS.unpack(self._feature(Feature.DATA_SIZE, uapi.FEATURE_GET, empty))[0]
        except OSError:
            return None
        return size

    def _logs_writes(self) -> bool:
        try:
            self._feature(Feature.DMA_LOGGING_START, uapi.FEATURE_PROBE | uapi.FEATURE_SET, b"")
        except OSError:
            return False
        return True

    def change(self, state: State) -> BinaryIO | None:
        """Bring it into a state; return the stream that goes with that state, if any. It is the caller's to close."""
        answer = self._feature(Feature.STATE, uapi.FEATURE_SET, uapi.STATE.pack(state, -1))
        stream = uapi.STATE.unpack(answer)[1]
        return os.fdopen(stream, "r+b", buffering=0) if stream >= 0 else None

    def reset(self) -> None:
        """Reset it, which brings it out of every state."""
        fcntl.ioctl(self._device, uapi.DEVICE_RESET)

    def save(self) -> Iterator[bytes]:
        """Yield its state in pieces, and let it run on."""
        stream = self.change(State.STOP_COPY)
        try:
            if stream is None:
                raise OSError(errno.EPROTO, "the driver gave no stream of its state", self._name)
            with stream:
                while piece := stream.read(_CHUNK):
                    yield piece
        finally:
            self.change(State.STOP)
            self.change(State.RUNNING)

    def restore(self, pieces: Iterator[bytes]) -> None:
        """Give it a state, and let it run; it is reset when it does not take it."""
        try:
            stream = self.change(State.RESUMING)
            if stream is None:
                raise OSError(errno.EPROTO, "the driver gave no stream for a state", self._name)
            with stream:
                for piece in pieces:
                    view = memoryview(piece)
                    while view:
                        view = view[stream.write(view) :]
            self.change(State.STOP)
            self.change(State.RUNNING)
        except OSError:
            self.reset()
            raise
