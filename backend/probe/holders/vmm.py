"""What the command line of a VMM says: the VM's name and the devices it was started with."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from backend.model.ids import BadIdError, parse_device_id

# Proxmox starts QEMU as "kvm".
_QEMU = re.compile(r"(qemu(-system-[a-z0-9_]+|-kvm)?|kvm)\Z", re.ASCII)
_OTHERS = ("cloud-hypervisor", "crosvm", "firecracker", "kvmtool", "lkvm", "stratovirt", "dragonball")
_SERVICES = ("qatmgr",)


def is_vmm(name: str, argv: Sequence[str]) -> bool:
    """Return whether a process runs a VM, by the name of its program."""
    program = argv[0].rpartition("/")[2] if argv and argv[0] else name
    # comm is cut at 15 bytes: "qemu-system-x86", "cloud-hyperviso".
    return is_qemu(program) or name.startswith("qemu-system") or program.startswith(_OTHERS)


def is_qemu(program: str) -> bool:
    """Return whether that is the name of QEMU's program."""
    return bool(_QEMU.match(program))


def is_service(name: str) -> bool:
    """Return whether a process is a daemon that takes every VF it finds."""
    return name.startswith(_SERVICES)


def vm_name(name: str, argv: Sequence[str]) -> str:
    """Return the name that the VM was given on its command line, else the program's."""
    for option, value in options(argv):
        if option in ("-name", "--name"):
            for part in value.split(","):
                key, separator, rest = part.partition("=")
                if not separator:
                    return part
                if key == "guest":
                    return rest
    return name


def assigned_devices(argv: Sequence[str]) -> Iterator[str]:
    """Yield the PCI addresses and mdev UUIDs that a VMM's command line gives to its VM.

    What was plugged or unplugged since does not show, nor what was passed as a descriptor.
    """
    for option, value in options(argv):
        if option in ("-device", "--device"):
            for text in _device_values(value):
                device = device_named(text)
                if device:
                    yield device


def options(argv: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the options of a command line with the word that follows each."""
    for index, word in enumerate(argv):
        if word.startswith("-"):
            option, separator, value = word.partition("=")
            if separator and option.startswith("--"):
                yield option, value
            elif index + 1 < len(argv):
                yield word, argv[index + 1]


def _device_values(value: str) -> Iterator[str]:
    if value.startswith("{"):
        try:
            properties = json.loads(value)
        except (ValueError, RecursionError):
            return
        if isinstance(properties, dict) and str(properties.get("driver", "")).startswith("vfio"):
            for key in ("host", "sysfsdev"):
                if isinstance(properties.get(key), str):
                    yield properties[key]
        return
    for part in value.split(","):
        key, _, text = part.partition("=")
        if key in ("host", "sysfsdev", "path"):
            yield text


def device_named(text: str) -> str:
    """Return the PCI address or mdev UUID at the end of a path or property; "" when there is none."""
    last = text.rstrip("/").rpartition("/")[2].lower()
    for spelling in (last, f"0000:{last}"):
        try:
            return parse_device_id(spelling)
        except BadIdError:
            continue
    return ""
