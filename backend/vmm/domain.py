"""The XML of libvirt: what of a domain, a host and its devices matters for a migration.

Source: https://libvirt.org/formatdomain.html, formatcaps.html, formatnode.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from backend.model.text import clean
from backend.vmm.errors import MonitorAbsent

_PCI = ("domain", "bus", "slot", "function")


@dataclass(frozen=True, slots=True)
class HostDevice:
    """A host device of a domain."""

    device: str
    """PCI address or mdev UUID; else what kind it is: ``usb``, ``scsi``."""
    alias: str
    """QEMU's id of it."""
    kind: str
    """As libvirt calls it: pci, mdev, usb, scsi, scsi_host."""
    partner: str = ""
    """Alias of the emulated interface that stands in for it while the VM migrates (teaming); "" for none."""


@dataclass(frozen=True, slots=True)
class Definition:
    """What of a domain's XML matters for a migration."""

    arch: str
    machine: str
    type: str
    """kvm or qemu."""
    emulator: str
    memory: int
    """Bytes."""
    cpu: str
    """Its ``<cpu>``; "" for none."""
    cpu_mode: str
    host_devices: tuple[HostDevice, ...]
    blockers: tuple[tuple[str, str], ...]
    """What libvirt refuses to migrate, each with what to do about it."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What of a libvirt's capabilities matters for a migration."""

    uuid: str
    """Of the host."""
    cpu: str
    """``<cpu>`` of the host."""


@dataclass(frozen=True, slots=True)
class NodeDevice:
    """A device of a libvirt's host."""

    name: str
    """PCI address or mdev UUID."""
    driver: str = ""
    vendor: str = ""
    """Four hexadecimal digits, as ``product``."""
    product: str = ""
    mdev_type: str = ""


def find_domain(library: Any, connection: Any, uuid: str) -> Any:
    """Return a domain; None where that libvirt has none with this UUID."""
    try:
        return connection.lookupByUUIDString(uuid)
    except library.libvirtError as error:
        if error.get_error_code() == library.VIR_ERR_NO_DOMAIN:
            return None
        raise


def own_domain(library: Any, connection: Any, uri: str, name: str, uuid: str) -> Any:
    """Return a domain of the libvirt that has it. Raises ``MonitorAbsent``."""
    domain = find_domain(library, connection, uuid)
    if domain is None:
        raise MonitorAbsent(f"libvirt ({uri}) has no domain {name}: name the one that has it with --libvirt")
    return domain


def read_definition(text: str) -> Definition:
    """Return what a domain's XML says. Raises ``ValueError`` for what is none."""
    root = _parse(text)
    kind, cpu = root.find("os/type"), root.find("cpu")
    return Definition(
        arch=_word(kind, "arch"),
        machine=_word(kind, "machine"),
        type=_word(root, "type"),
        emulator=clean(root.findtext("devices/emulator", ""), 1024),
        memory=_bytes(root.find("memory")),
        cpu=ElementTree.tostring(cpu, "unicode") if cpu is not None else "",
        cpu_mode=_word(cpu, "mode"),
        host_devices=tuple(_host_devices(root)),
        blockers=tuple(_blockers(root)),
    )


def read_capabilities(text: str) -> Capabilities:
    """Return what a libvirt's capabilities say. Raises ``ValueError``."""
    root = _parse(text)
    cpu = root.find("host/cpu")
    uuid = clean(root.findtext("host/uuid", ""), 36)
    return Capabilities(uuid, ElementTree.tostring(cpu, "unicode") if cpu is not None else "")


def read_node_device(text: str) -> NodeDevice:
    """Return what a node device's XML says. Raises ``ValueError``."""
    root = _parse(text)
    found = root.find("capability")
    driver = clean(root.findtext("driver/name", ""), 64)
    if found is None:
        return NodeDevice("", driver)
    if found.get("type") == "mdev":
        name = clean(found.findtext("uuid", ""), 36).lower()
        return NodeDevice(name, driver, mdev_type=_word(found.find("type"), "id"))
    domain, bus, slot, function = (int(found.findtext(key, "0"), 0) for key in _PCI)
    return NodeDevice(
        f"{domain:04x}:{bus:02x}:{slot:02x}.{function:x}", driver,
        _word(found.find("vendor"), "id").removeprefix("0x"), _word(found.find("product"), "id").removeprefix("0x"),
    )  # fmt: skip


def swap_devices(text: str, swaps: Mapping[str, str]) -> str:
    """Return a domain's XML with other host devices in the place of its own.

    Args:
        swaps: PCI address or mdev UUID here → there.
    """
    root = _parse(text)
    for element in _hostdev_elements(root):
        there = swaps.get(_name(element))
        address = _source(element)
        if not there or address is None:
            continue
        if "uuid" in address.attrib:
            address.set("uuid", there)
        else:
            parts = re.split(r"[:.]", there)
            for key, part in zip(_PCI, parts, strict=True):
                address.set(key, f"0x{part}")
    return ElementTree.tostring(root, "unicode")


def _parse(text: str) -> Element:
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(f"no XML of libvirt: {error}") from error


def _hostdev_elements(root: Element) -> Iterator[Element]:
    yield from root.iterfind("devices/hostdev")
    yield from root.iterfind("devices/interface[@type='hostdev']")


def _host_devices(root: Element) -> Iterator[HostDevice]:
    for element in _hostdev_elements(root):
        source = _source(element)
        kind = _word(element, "type") if element.tag == "hostdev" else _word(source, "type") or "pci"
        teaming = element.find("teaming[@type='transient']")
        yield HostDevice(
            _name(element) or kind, _word(element.find("alias"), "name"), kind, _word(teaming, "persistent")
        )


def _source(element: Element) -> Element | None:
    return element.find("source/address")


def _name(element: Element) -> str:
    """Return PCI address or mdev UUID of a host device; "" for another kind."""
    address = _source(element)
    if address is None or element.get("type") in ("usb", "scsi", "scsi_host"):
        return ""
    if "uuid" in address.attrib:
        return _word(address, "uuid").lower()
    try:
        domain, bus, slot, function = (int(address.get(key, "0"), 16) for key in _PCI)
    except ValueError:
        return ""
    return f"{domain:04x}:{bus:02x}:{slot:02x}.{function:x}"


def _blockers(root: Element) -> Iterator[tuple[str, str]]:
    """Yield what libvirt looks at itself before it asks QEMU (qemuMigrationSrcIsAllowed)."""
    for device in _host_devices(root):
        if device.kind in ("scsi", "scsi_host"):
            yield f"{device.alias or device.kind}: a {device.kind} device of the host cannot follow it", "detach it"
    for disk in root.iterfind("devices/disk"):
        if disk.find("transient") is not None:
            yield f"disk {_word(disk.find('target'), 'dev')} is transient: what was written would be lost", "detach it"
    for shared in root.iterfind("devices/shmem"):
        if shared.get("role") != "master":
            yield f"shared memory {_word(shared, 'name')} has not the role master", "detach it"
    invariant = root.find("cpu/feature[@name='invtsc']")
    wanted = invariant is not None and invariant.get("policy", "require") in ("require", "force")
    if wanted and root.find("clock/timer[@name='tsc'][@frequency]") is None:
        yield "its CPU has invtsc, and its clock no TSC frequency", "give <timer name='tsc'> a frequency"


def _word(element: Element | None, key: str) -> str:
    return clean(element.get(key, ""), 256) if element is not None else ""


def _bytes(element: Element | None) -> int:
    """Return bytes; libvirt itself always writes KiB."""
    text = (element.text or "").strip() if element is not None else ""
    return int(text) << 10 if text.isdecimal() else 0
