"""All claims of other tools on the devices of a host."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from backend.host.doors import Files
from backend.model.boot import Claim, Subject
from backend.model.device import Device
from backend.model.text import clean
from backend.probe.boot.others.attribute_files import sysfs_conf_claims, tmpfiles_claims
from backend.probe.boot.others.link_files import link_claims
from backend.probe.boot.others.udev_rules import udev_claims
from backend.probe.surroundings import listing

DRIVERCTL = "/etc/driverctl.d"
MDEVCTL = "/etc/mdevctl.d"


def read_claims(files: Files, devices: Iterable[Device]) -> tuple[Claim, ...]:
    """Return what other tools set at boot of these devices, and which mdevs mdevctl starts."""
    all_of_them = list(devices)
    return (
        *_driverctl(files),
        *_mdevctl(files),
        *link_claims(files, all_of_them),
        *udev_claims(files, all_of_them),
        *sysfs_conf_claims(files, all_of_them),
        *tmpfiles_claims(files, all_of_them),
    )


def _driverctl(files: Files) -> Iterator[Claim]:
    for name in sorted(listing(files, DRIVERCTL)):
        bus, _, device = name.partition("-")
        driver = _read(files, f"{DRIVERCTL}/{name}")
        if bus == "pci" and driver:
            yield Claim("driverctl", f"{DRIVERCTL}/{name}", Subject.DRIVER, clean(device, 64), driver)


def _mdevctl(files: Files) -> Iterator[Claim]:
    for parent in sorted(listing(files, MDEVCTL)):
        for uuid in sorted(listing(files, f"{MDEVCTL}/{parent}")):
            path = f"{MDEVCTL}/{parent}/{uuid}"
            try:
                data = json.loads(_read(files, path))
                kind, start = str(data["mdev_type"]), data.get("start")
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                continue
            if start == "auto":
                yield Claim("mdevctl", path, Subject.MDEV, clean(uuid, 64), clean(kind, 64))


def _read(files: Files, path: str) -> str:
    try:
        return files.read(path, 1 << 16).decode("utf-8", "backslashreplace").strip()
    except OSError:
        return ""
