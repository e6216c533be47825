"""Interrupts of VFIO devices, by their vectors: what the host delivers to whoever holds the device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

from backend.counters.posting import Posting
from backend.counters.sampler import About, nothing, stamp, state_of
from backend.host.doors import Directory, HostDoors
from backend.model.counters import Counter, CounterKind, CounterSet, CounterState, Measure, Reading, Unit
from backend.model.device import Device, DeviceKind
from backend.model.holder import HolderKind
from backend.model.host import Host

IRQ = "/sys/kernel/irq"
_DEVICES = "/sys/bus/pci/devices"

INTERRUPTS = CounterSet(
    "interrupts",
    "Interrupts",
    "msi_irqs, /sys/kernel/irq/N/per_cpu_count",
    (
        Counter("count", "interrupts", Unit.INTERRUPTS, Measure.INTERRUPTS, bits=32),
        Counter("vectors", "vectors in use", Unit.INTERRUPTS, kind=CounterKind.LEVEL),
    ),
)

_POSTED = "not moving: this host posts interrupts straight to a vCPU, where nobody counts them ({how})"


class InterruptSampler:
    """Counts the interrupts of each device that is on a VFIO driver.

    A count that stands still on a host that can post interrupts, while a VM holds the device, says nothing of how
    many the guest got: it reads "posted" until it moves again.
    """

    about = About("interrupts", "interrupts per VFIO device", (INTERRUPTS,), "", "4, and 3 for each vector")

    def __init__(self, doors: HostDoors) -> None:
        self._files = doors.files
        self._clock = doors.clock
        self._posting = Posting(doors.files)
        self._irqs: Directory | None = None
        self._last: dict[str, int] = {}

    def read(self, host: Host, devices: Sequence[Device]) -> Iterator[Reading | None]:
        """Yield a reading for each VFIO device among ``devices``."""
        wanted = [d for d in devices if d.vfio and d.kind is not DeviceKind.MDEV]
        if not wanted:
            return
        if self._irqs is None:
            try:
                self._irqs = self._files.open_dir(IRQ)
            except OSError as error:
                state, reason = state_of(error, IRQ)
                for device in wanted:
                    yield nothing(str(device.id), INTERRUPTS, stamp(self._clock), state, reason)
                return
        for device in wanted:
            yield self._device(device, self._irqs)

    def _device(self, device: Device, irqs: Directory) -> Reading:
        subject = str(device.id)
        at = stamp(self._clock)
        try:
            vectors = self._vectors(device, irqs)
            total = sum(_count(irqs.read(f"{number}/per_cpu_count", 16384)) for number in vectors)
        except OSError as error:
            state, reason = state_of(error, "its interrupts")
            return nothing(subject, INTERRUPTS, at, state, reason)
        if not vectors:
            self._last.pop(subject, None)
            reason = "its user has asked for none" if device.held else "nobody has it open"
            return Reading(subject, INTERRUPTS, (None, 0), at, reason=reason)
        before, self._last[subject] = self._last.get(subject), total
        how = self._posting.possible(device) if before == total and _in_vm(device) else ""
        if how:
            reason = _POSTED.format(how=how)
            return Reading(subject, INTERRUPTS, (total, len(vectors)), at, "", CounterState.POSTED, reason)
        return Reading(subject, INTERRUPTS, (total, len(vectors)), at)

    def _vectors(self, device: Device, irqs: Directory) -> list[str]:
        """Return the numbers of the device's interrupts: MSI or MSI-X, or a pin interrupt that nobody shares."""
        try:
            return self._files.list(f"{_DEVICES}/{device.id}/msi_irqs")
        except FileNotFoundError:
            pass
        number = self._files.read(f"{_DEVICES}/{device.id}/irq", 64).decode("ascii", "replace").strip()
        if not number.isdecimal() or number == "0":
            return []
        try:
            actions = irqs.read(f"{number}/actions").decode("utf-8", "replace").strip()
        except FileNotFoundError:
            return []
        return [number] if actions == f"vfio-intx({device.id})" else []

    def forget(self, subjects: Set[str]) -> None:
        """Forget the last counts."""
        for subject in subjects & self._last.keys():
            del self._last[subject]

    def close(self) -> None:
        """Let go of the descriptor."""
        if self._irqs is not None:
            self._irqs.close()
            self._irqs = None


def _in_vm(device: Device) -> bool:
    return any(holder.kind is HolderKind.VM for holder in device.holders)


def _count(raw: bytes) -> int:
    """Return the sum of ``per_cpu_count``: numbers between commas, one for each possible CPU."""
    return sum(int(part) for part in raw.split(b",") if part.strip().isdigit())
