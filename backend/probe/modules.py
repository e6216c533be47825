"""Which kernel modules have a driver for a function, by the aliases that depmod(8) extracted from them."""

from __future__ import annotations

import contextlib
import fnmatch
import os
from dataclasses import dataclass
from typing import Literal

from backend.host.doors import Files
from backend.probe.surroundings import listing

_LIMIT = 32 << 20
_UNDERSCORED = {"vfio_pci": "vfio-pci", "pci_stub": "pci-stub", "pci_pf_stub": "pci-pf-stub"}
"""Modules whose driver is not called as they are, as far as it matters before they are loaded."""

Bus = Literal["pci", "vfio_pci"]
"""``vfio_pci``: drivers that take a function by ``driver_override`` only."""


@dataclass(frozen=True, slots=True)
class DriverModule:
    """A driver for some hardware, and the module it is in."""

    driver: str
    module: str
    loaded: bool


class ModuleAliases:
    """``modules.alias`` and ``modules.builtin.modinfo`` of the running kernel; read when first asked."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._lines: dict[str, list[tuple[str, str]]] | None = None

    def drivers_for(self, bus: Bus, modalias: str) -> tuple[DriverModule, ...]:
        """Return the drivers that name the hardware of ``modalias`` (``pci:v...``), the most specific first."""
        hardware = modalias.partition(":")[2]
        found = [
            (pattern.count("*"), module)
            for pattern, module in self._aliases()[bus]
            if fnmatch.fnmatchcase(hardware, pattern)
        ]
        modules = dict.fromkeys(module for _, module in sorted(found, key=lambda item: item[0]))
        return tuple(driver for module in modules for driver in self.drivers_of(module))

    def drivers_of(self, module: str) -> tuple[DriverModule, ...]:
        """Return the PCI drivers of a module: one of the same name while it is not loaded."""
        names = listing(self._files, f"/sys/module/{module}/drivers")
        bound = tuple(name.removeprefix("pci:") for name in sorted(names) if name.startswith("pci:"))
        if bound:
            return tuple(DriverModule(name, module, True) for name in bound)
        name = _UNDERSCORED.get(module, module)
        return (DriverModule(name, module, self.is_registered(name)),)

    def find(self, driver: str) -> DriverModule:
        """Return a driver by its name; the module of one that is not there is guessed to be called like it."""
        module = driver.replace("-", "_")
        if self.is_registered(driver):
            with contextlib.suppress(OSError):  # one that is built in has no module
                module = os.path.basename(self._files.readlink(f"/sys/bus/pci/drivers/{driver}/module"))
            return DriverModule(driver, module, True)
        return DriverModule(driver, module, False)

    def is_registered(self, driver: str) -> bool:
        """Return whether the PCI bus knows a driver."""
        return driver in listing(self._files, "/sys/bus/pci/drivers")

    def _aliases(self) -> dict[str, list[tuple[str, str]]]:
        if self._lines is None:
            self._lines = {"pci": [], "vfio_pci": []}
            folder = f"/lib/modules/{self._text('/proc/sys/kernel/osrelease').strip()}"
            for line in self._text(f"{folder}/modules.alias").splitlines():
                words = line.split()
                if len(words) == 3 and words[0] == "alias":
                    self._add(words[1], words[2])
            for entry in self._text(f"{folder}/modules.builtin.modinfo").split("\0"):
                key, _, value = entry.partition("=")
                if key.endswith(".alias"):
                    self._add(value, key.removesuffix(".alias"))
        return self._lines

    def _add(self, alias: str, module: str) -> None:
        bus, _, pattern = alias.partition(":")
        if self._lines is not None and bus in self._lines:
            self._lines[bus].append((pattern, module))

    def _text(self, path: str) -> str:
        try:
            return self._files.read(path, _LIMIT).decode("utf-8", "replace")
        except OSError:
            return ""
