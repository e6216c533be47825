"""Interrupts: numbers, /proc/interrupts, /sys/kernel/irq and a function's msi_irqs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from backend.simhost.core import Core, Numbers
from backend.simhost.function import Function
from backend.simhost.traffic import grown
from backend.simhost.tree import Dir, DynamicDir, File, Node

_LEGACY = (
    (0, 227, "IR-IO-APIC   2-edge", "timer"),
    (1, 9, "IR-IO-APIC   1-edge", "i8042"),
    (8, 9, "IR-IO-APIC   8-edge", "rtc0"),
    (9, 0, "IR-IO-APIC   9-fasteoi", "acpi"),
)
_TAIL = (
    ("NMI", 0, "Non-maskable interrupts"),
    ("LOC", 106_555, "Local timer interrupts"),
    ("RES", 7_234, "Rescheduling interrupts"),
    ("CAL", 87_937, "Function call interrupts"),
    ("TLB", 557, "TLB shootdowns"),
    ("PIN", 0, "Posted-interrupt notification event"),
    ("NPI", 0, "Nested posted-interrupt event"),
    ("PIW", 0, "Posted-interrupt wakeup event"),
)
_FIRST = 25


@dataclass(slots=True)
class Irq:
    """One MSI-X vector that somebody requested."""

    number: int
    function: Function
    vector: int
    pattern: str
    """``action``, with ``{}`` for the vector."""
    rate: float
    base: int

    @property
    def action(self) -> str:
        """What /proc/interrupts calls it."""
        return self.pattern.format(self.vector)


class Irqs:
    """All interrupts."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._numbers = Numbers(_FIRST)
        self._all: dict[int, Irq] = {}
        kernel = core.sys.dir("kernel")
        kernel.entries["irq"] = DynamicDir("irq", kernel, self._listing, self._lookup)

    def request(self, f: Function, count: int, name: str, rate: float = 0.0) -> None:
        """Give a function ``count`` vectors; ``name`` holds ``{}`` for the vector's number."""
        numbers = []
        for vector in range(count):
            number = self._numbers.take()
            base = 0 if rate == 0 else 1000 + (number * 37) % 911
            self._all[number] = Irq(number, f, vector, name, rate, base)
            numbers.append(number)
        f.irqs = numbers
        if count:
            f.dir.entries["msi_irqs"] = _MsiDir(f)

    def free(self, f: Function) -> None:
        """Take a function's vectors back."""
        for number in f.irqs or ():
            del self._all[number]
            self._numbers.give(number)
        f.irqs = None
        f.dir.drop("msi_irqs")

    def legacy(self, f: Function) -> bytes:
        """Return the content of ``irq``: the pin interrupt of a physical function."""
        return b"0\n" if f.pf is not None or not f.model.bars else f"{16 + f.device % 8}\n".encode()

    def count(self, irq: Irq) -> list[int]:
        """Return how often it fired, by CPU: each vector is steered to one."""
        cpus = min(self._core.features.cpus, 64)
        counts = [0] * cpus
        counts[irq.vector % cpus] = irq.base + grown(self._core.age(), irq.rate, irq.number * 7919)
        return counts

    def interrupts(self) -> bytes:
        """Return the content of /proc/interrupts."""
        cpus = min(self._core.features.cpus, 64)
        lines = ["    " + "".join(f"       CPU{cpu:<4d}"[:11].rjust(11) for cpu in range(cpus))]
        zeros = [0] * (cpus - 1)
        for number, count, chip, action in _LEGACY:
            lines.append(_row(f"{number:3d}:", [count, *zeros], f"{chip}      {action}"))
        for number, irq in sorted(self._all.items()):
            chip = f"IR-PCI-MSIX-{irq.function.address}"
            lines.append(_row(f"{number:3d}:", self.count(irq), f"{chip}   {irq.vector}-edge      {irq.action}"))
        for label, count, text in _TAIL:
            lines.append(_row(f"{label}:", [count] * cpus, f"  {text}"))
        return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")

    def _listing(self) -> Iterable[str]:
        return [str(number) for number in self._all]

    def _lookup(self, name: str) -> Node | None:
        irq = self._all.get(int(name)) if name.isdecimal() else None
        if irq is None:
            return None
        kernel = self._core.sys.dir("kernel")
        directory = DynamicDir(name, kernel, lambda: (), lambda entry: None)
        directory.file("actions", f"{irq.action}\n")
        directory.file("chip_name", f"IR-PCI-MSIX-{irq.function.address}\n")
        directory.file("hwirq", f"{irq.vector}\n")
        directory.file("name", "edge\n")
        directory.file("per_cpu_count", ",".join(str(n) for n in self.count(irq)) + "\n")
        directory.file("type", "edge\n")
        directory.file("wakeup", "disabled\n")
        return directory


def _row(label: str, counts: list[int], text: str) -> str:
    return f"{label}{''.join(f'{count:11d}' for count in counts)}  {text}"


class _MsiDir(Dir):
    """``msi_irqs`` of a function."""

    __slots__ = ("_numbers",)

    def __init__(self, f: Function) -> None:
        super().__init__("msi_irqs", f.dir)
        self._numbers = tuple(f.irqs or ())

    def get(self, name: str) -> Node | None:
        """Return the entry ``name``, or None."""
        return File(b"msix\n") if name in self.names() else None

    def names(self) -> list[str]:
        """Return the names of all entries."""
        return [str(number) for number in self._numbers]
