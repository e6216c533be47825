"""systemd .link files that make VFs and set their policy (systemd.link(5))."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Mapping

from backend.host.doors import Files
from backend.model.boot import Claim, Subject
from backend.model.device import Device
from backend.model.text import clean
from backend.probe.boot.others.folders import read_folders, read_text

_Sections = list[tuple[str, dict[str, str]]]


def link_claims(files: Files, devices: Iterable[Device]) -> Iterator[Claim]:
    """Yield what the .link file of each interface says: the first that matches is the only one that counts."""
    links = [(path, _sections(text)) for path, text in read_folders(files, "systemd/network", ".link")]
    if not any(_wants(sections) for _, sections in links):
        return
    for device in devices:
        if device.sriov is None:
            continue
        for path, sections in links:
            verdict = _matches(files, device, sections)
            if verdict is False:
                continue
            for subject, value in _wants(sections):
                yield Claim("systemd.link", clean(path, 200), subject, str(device.id), value, verdict is True)
            if verdict:
                break


def _sections(text: str) -> _Sections:
    found: _Sections = []
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith("[") and line.endswith("]"):
            found.append((line[1:-1], {}))
        elif found and "=" in line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            found[-1][1][name.strip()] = value.strip()
    return found


def _wants(sections: _Sections) -> list[tuple[Subject, str]]:
    wants = []
    for name, keys in sections:
        if name == "Link" and keys.get("SR-IOVVirtualFunctions"):
            wants.append((Subject.VFS, clean(keys["SR-IOVVirtualFunctions"], 16)))
    policies = [keys for name, keys in sections if name == "SR-IOV"]
    if policies:
        wants.append((Subject.POLICY, ""))
        if not any(subject is Subject.VFS for subject, _ in wants):
            # udev makes as many VFs as its sections need (since 251).
            wants.append((Subject.VFS, ""))
    return wants


def _matches(files: Files, device: Device, sections: _Sections) -> bool | None:
    """Return whether [Match] holds for an interface of a device; None where that cannot be told."""
    conditions: dict[str, str] = {}
    for name, keys in sections:
        if name == "Match":
            conditions |= keys
    if not conditions:
        return None
    verdicts = [_holds(files, device, key, value) for key, value in conditions.items()]
    if False in verdicts:
        return False
    return None if None in verdicts else True


def _holds(files: Files, device: Device, key: str, value: str) -> bool | None:
    said: Mapping[str, list[str]] = {
        "Driver": [device.driver],
        "Path": [f"pci-{device.id}"],
        "MACAddress": [_address(files, name) for name in device.netdevs],
        "PermanentMACAddress": [_address(files, name) for name in device.netdevs],
        "Type": ["ether"],
    }
    if value.strip() == "*":
        return True
    if key not in said:
        return None
    patterns = value.split()
    if patterns and patterns[0].startswith("!"):
        return None
    if key == "Driver" and not device.driver:
        return None
    low = [pattern.lower() for pattern in patterns]
    if any(fnmatch.fnmatchcase(name.lower(), pattern) for name in said[key] for pattern in low):
        return True
    # The address of now may be another than the one that it had when it came.
    return None if key == "MACAddress" else False


def _address(files: Files, name: str) -> str:
    return read_text(files, f"/sys/class/net/{name}/address").strip()
