"""Tools that write single files of /sys at boot: sysfsutils (sysfs.conf) and systemd-tmpfiles."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Sequence

from backend.host.doors import Files
from backend.model.boot import Claim, Subject
from backend.model.device import Device
from backend.model.text import clean
from backend.probe.boot.others.folders import read_folders, read_text
from backend.probe.surroundings import listing

_SUBJECTS = {
    "sriov_numvfs": Subject.VFS,
    "sriov_drivers_autoprobe": Subject.VFS,
    "driver_override": Subject.DRIVER,
}
_PLACE = re.compile(
    r"(?:/sys/)?(?:bus/pci/devices/|devices/pci[^ ]*/)(?P<address>[^/ ]+)/(?P<name>\w+)"
    r"|(?:/sys/)?class/net/(?P<interface>[^/ ]+)/device/(?P<by_interface>\w+)",
    re.ASCII,
)


def sysfs_conf_claims(files: Files, devices: Iterable[Device]) -> Iterator[Claim]:
    """Yield what /etc/sysfs.conf and /etc/sysfs.d set: lines as ``bus/pci/devices/ADDRESS/sriov_numvfs = 4``."""
    known = list(devices)
    folder = "/etc/sysfs.d"
    paths = [f"{folder}/{name}" for name in sorted(listing(files, folder)) if name.endswith(".conf")]
    for path in ("/etc/sysfs.conf", *paths):
        for line in read_text(files, path).splitlines():
            place, equals, value = line.partition("#")[0].partition("=")
            if equals:
                yield from claims_on("sysfs.conf", path, place.strip(), value.strip(), known)


def tmpfiles_claims(files: Files, devices: Iterable[Device]) -> Iterator[Claim]:
    """Yield what tmpfiles.d writes: lines as ``w /sys/bus/pci/devices/ADDRESS/sriov_numvfs - - - - 4``."""
    known = list(devices)
    for path, text in read_folders(files, "tmpfiles.d", ".conf"):
        for line in text.splitlines():
            words = line.split(None, 6)
            if len(words) == 7 and words[0].startswith("w"):
                yield from claims_on("tmpfiles.d", path, words[1], words[6].strip(), known)


def claims_on(tool: str, file: str, place: str, value: str, devices: Sequence[Device]) -> Iterator[Claim]:
    """Yield a claim for each device that a path of /sys, with wildcards or without, is about."""
    found = _PLACE.fullmatch(place)
    subject = _SUBJECTS.get(found["name"] or found["by_interface"] or "") if found is not None else None
    if found is None or subject is None:
        return
    for device in devices:
        names = (str(device.id),) if found["address"] else device.netdevs
        pattern = found["address"] or found["interface"]
        if any(fnmatch.fnmatchcase(name, pattern) for name in names):
            yield Claim(tool, clean(file, 200), subject, str(device.id), clean(value, 64))
