"""The attribute files of a PCI function: one shared table for each model and role."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from backend.simhost.config_space import config_space
from backend.simhost.function import Function
from backend.simhost.models import Model
from backend.simhost.tree import Attr, Branch, Dir, Entry, Ref, Table

if TYPE_CHECKING:
    from backend.simhost.kernel import Kernel

_FATAL = [
    "Undefined",
    "DLP",
    "SDES",
    "TLP",
    "FCP",
    "CmpltTO",
    "CmpltAbrt",
    "UnxCmplt",
    "RxOF",
    "MalfTLP",
    "ECRC",
    "UnsupReq",
    "ACSViol",
    "UncorrIntErr",
    "BlockedTLP",
    "AtomicOpBlocked",
    "TLPBlockedErr",
    "PoisonTLPBlocked",
    "DMWrReqBlocked",
    "IDECheck",
    "MisIDETLP",
    "PCRC_CHECK",
    "TLPXlatBlocked",
]
_VGA = 0x0300
_ZEROS = "".join(f"{name} 0\n" for name in _FATAL)
AER_FATAL = f"{_ZEROS}TOTAL_ERR_FATAL 0\n".encode()
AER_NONFATAL = f"{_ZEROS}TOTAL_ERR_NONFATAL 0\n".encode()


@cache
def modalias(model: Model) -> str:
    """Return the modalias of a model."""
    code = model.class_code
    return (
        f"pci:v{model.vendor:08X}d{model.device:08X}sv{model.subvendor:08X}sd{model.subdevice:08X}"
        f"bc{code >> 16:02X}sc{code >> 8 & 255:02X}i{code & 255:02X}"
    )


def uevent(f: Function) -> bytes:
    """Return the content of ``uevent``."""
    model = f.model
    driver = f"DRIVER={f.driver.spec.name}\n" if f.driver is not None else ""
    return (
        f"{driver}PCI_CLASS={model.class_code:X}\nPCI_ID={model.vendor:04X}:{model.device:04X}\n"
        f"PCI_SUBSYS_ID={model.subvendor:04X}:{model.subdevice:04X}\nPCI_SLOT_NAME={f.address}\n"
        f"MODALIAS={modalias(model)}\n"
    ).encode()


def correctable(f: Function) -> bytes:
    """Return the content of ``aer_dev_correctable``: all errors are bad TLPs here."""
    n = f.correctable
    return (
        f"RxErr 0\nBadTLP {n}\nBadDLLP 0\nRollover 0\nTimeout 0\nNonFatalErr 0\nCorrIntErr 0\nHeaderOF 0\n"
        f"TOTAL_ERR_COR {n}\n"
    ).encode()


def resource(f: Function) -> bytes:
    """Return the content of ``resource``: BARs, ROM, then the VF BARs (and a bridge's windows)."""
    empty = "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
    lines = [empty] * (17 if f.model.port else 13)
    start = (0x40_0000_0000 if f.pf is not None else 0x20_0000_0000) + (f.domain << 44) + (f.rid << 27)
    for bar in f.model.bars:
        lines[bar] = f"0x{start:016x} 0x{start + f.model.bar - 1:016x} 0x000000000014220c\n"
        start += f.model.bar
    return "".join(lines).encode()


def power_state(f: Function) -> bytes:
    """Return the content of ``power_state``."""
    if f.asleep:
        return b"D3hot\n" if f.model.pm else b"D0\n"
    return b"D0\n" if f.driver is not None or (f.model.port and f.model.pcie) else b"unknown\n"


def _managed(f: Function) -> bool:
    return f.vfio is not None and f.vfio.core


def _bits(f: Function) -> bytes:
    driver = f.driver
    return b"64\n" if driver is not None and not driver.spec.managed_dma else b"32\n"


def _speed(f: Function) -> bytes:
    return ((f.link_now or f.model.link)[0] + "\n").encode()


def _width(f: Function) -> bytes:
    return f"{(f.link_now or f.model.link)[1]}\n".encode()


_POWER: dict[str, Entry] = {
    "async": Attr(lambda f: b"enabled\n"),
    "autosuspend_delay_ms": Attr(lambda f: b""),
    "control": Attr(
        lambda f: (f.power_control or ("auto" if _managed(f) else "on")).encode() + b"\n",
        lambda f, data: set_power_control(f, data),
    ),
    "runtime_active_kids": Attr(lambda f: f"{f.kids}\n".encode()),
    "runtime_enabled": Attr(lambda f: b"enabled\n" if _managed(f) or f.suspended else b"forbidden\n"),
    "runtime_status": Attr(lambda f: b"suspended\n" if f.asleep else b"active\n"),
    "runtime_usage": Attr(
        lambda f: b"0\n" if f.asleep else b"2\n" if f.driver is not None and not _managed(f) else b"1\n"
    ),
}


def set_power_control(f: Function, data: bytes) -> None:
    """Take a write of ``power/control``."""
    from backend.simhost.parse import einval, streq

    if not (streq(data, "on") or streq(data, "auto")):
        raise einval()
    f.power_control = data.decode().strip()
    if f.power_control == "on":
        f.suspended = False


def _driver(f: Function) -> Dir | None:
    return f.driver.dir if f.driver is not None and f.driver_link else None


def _first_vga(kernel: Kernel) -> Function | None:
    """Return the GPU that the firmware's console is on: the first one."""
    found = [f for f in kernel.pci.functions.values() if f.model.class_code >> 8 == _VGA]
    return min(found, key=lambda f: (f.domain, f.rid), default=None)


def table_for(kernel: Kernel, model: Model, role: str) -> Table:
    """Return the attributes of a ``pf``, a ``vf`` or another ``function`` of a model."""
    if kernel.tables is None:
        kernel.tables = Tables(kernel)
    return kernel.tables(model, role)


class Tables:
    """The attribute tables of one kernel (they hold its writers)."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._made: dict[tuple[int, str], Table] = {}

    def __call__(self, model: Model, role: str) -> Table:
        """Return the table for a model in a role, made once."""
        key = (id(model), role)
        if key not in self._made:
            self._made[key] = self._make(model, role)
        return self._made[key]

    def _make(self, model: Model, role: str) -> Table:
        kernel = self._kernel
        table = dict(_plain(model))
        pci, files, sriov = kernel.pci, kernel.files, kernel.sriov
        table["driver_override"] = Attr(lambda f: (f.override or "(null)").encode() + b"\n", files.write_override)
        if model.class_code >> 8 == _VGA:
            table["boot_vga"] = Attr(lambda f: b"1\n" if f is _first_vga(kernel) else b"0\n")
        table["local_cpulist"] = Attr(lambda f: kernel.cpulist(f.numa).encode() + b"\n")
        table["local_cpus"] = Attr(lambda f: kernel.cpumask(f.numa).encode() + b"\n")
        table["numa_node"] = Attr(lambda f: f"{f.numa}\n".encode(), files.write_numa)
        table["irq"] = Attr(kernel.irqs.legacy)
        table["driver"] = Ref(_driver)
        table["subsystem"] = Ref(lambda f: pci.bus)
        table["iommu_group"] = Ref(lambda f: f.group.dir if f.group is not None else None)
        table["iommu"] = Ref(lambda f: kernel.iommu.unit_of(f))
        table["power"] = Branch(_POWER)
        table["link"] = Branch(_ASPM if model.pcie and not model.port else {})
        if role != "vf":
            table["remove"] = Attr(None, files.write_remove, bits=0o220)
            table["rescan"] = Attr(None, files.write_rescan)
        if model.port:
            table["reset_subordinate"] = Attr(None, files.write_reset)
        if model.resets:
            table["reset"] = Attr(None, files.write_reset)
            table["reset_method"] = Attr(lambda f: f.resets.encode() + b"\n", files.write_reset_method)
        for bar in model.bars:
            table[f"resource{bar}"] = Attr(lambda f: b"", lambda f, data: None, secret=True)
        table["config"] = Attr(config_space)
        if role == "vf":
            table["physfn"] = Ref(lambda f: f.pf.dir if f.pf is not None and not f.taken else None)
            table["sriov_vf_msix_count"] = Attr(None, sriov.write_msix_count)
        if role == "pf":
            table |= sriov.table()
        return table


@cache
def _plain(model: Model) -> Table:
    code = f"0x{model.class_code:06x}\n".encode()
    alias = modalias(model).encode() + b"\n"
    table: dict[str, Entry] = {
        "ari_enabled": Attr(lambda f: b"1\n" if f.pf is not None or f.sriov is not None else b"0\n"),
        "broken_parity_status": Attr(lambda f: b"0\n"),
        "class": Attr(lambda f: code),
        "consistent_dma_mask_bits": Attr(_bits),
        "d3cold_allowed": Attr(lambda f: b"1\n" if model.pm and model.port != "root" else b"0\n"),
        "device": _hex(model.device, 4),
        "dma_mask_bits": Attr(_bits),
        "enable": Attr(lambda f: f"{f.enabled}\n".encode()),
        "modalias": Attr(lambda f: alias),
        "msi_bus": Attr(lambda f: b"1\n"),
        "power_state": Attr(power_state),
        "resource": Attr(resource),
        "revision": _hex(model.revision, 2),
        "subsystem_device": _hex(model.subdevice, 4),
        "subsystem_vendor": _hex(model.subvendor, 4),
        "uevent": Attr(uevent, lambda f, data: None),
        "vendor": _hex(model.vendor, 4),
    }
    if model.aer:
        table["aer_dev_correctable"] = Attr(correctable)
        table["aer_dev_fatal"] = Attr(lambda f: AER_FATAL)
        table["aer_dev_nonfatal"] = Attr(lambda f: AER_NONFATAL)
    if model.pcie and model.link[1]:
        speed, width = (model.link[0] + "\n").encode(), f"{model.link[1]}\n".encode()
        table["current_link_speed"] = Attr(_speed)
        table["current_link_width"] = Attr(_width)
        table["max_link_speed"] = Attr(lambda f: speed)
        table["max_link_width"] = Attr(lambda f: width)
    if model.port == "root":
        for kind in ("cor", "fatal", "nonfatal"):
            table[f"aer_rootport_total_err_{kind}"] = Attr(lambda f: b"0\n")
    return table


def _hex(value: int, digits: int) -> Attr:
    data = f"0x{value:0{digits}x}\n".encode()
    return Attr(lambda f: data)


_ASPM: dict[str, Entry] = {"l0s_aspm": Attr(lambda f: b"0\n", lambda f, data: None)}
