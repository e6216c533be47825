"""What lspci, mdevctl and driverctl say of a host, and whether iovtop agrees."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

TOOLS = ("lspci", "mdevctl", "driverctl")

COMMANDS = """
lspci -D -vmmk -n > lspci
mdevctl list --dumpjson > mdevs
mdevctl types --dumpjson > types
driverctl list-devices > drivers
"$PYTHON" -m tui snapshot --format json > ours || [ $? -le 1 ]
"""
"""Shell commands that ask them all; their answers become files of the working directory."""


class Outputs:
    """What everybody said of one host, in the files that ``COMMANDS`` wrote."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self.ours: dict[str, Any] = json.loads((place / "ours").read_text())
        self.devices: dict[str, dict[str, Any]] = {device["id"]: device for device in self.ours["devices"]}
        self.functions = {name: device for name, device in self.devices.items() if ":" in name}

    def lspci(self) -> dict[str, dict[str, str]]:
        """Return what lspci says, by address."""
        found = {}
        for block in (self._place / "lspci").read_text().strip().split("\n\n"):
            fields = dict(line.split(":\t", 1) for line in block.splitlines())
            found[fields.pop("Slot")] = fields
        return found

    def mdevs(self) -> set[tuple[str, str, str]]:
        """Return UUID, parent and type of every mdev that mdevctl lists."""
        return {
            (uuid, parent, entry["mdev_type"])
            for parent, uuids in self._by_parent("mdevs")
            for one in uuids
            for uuid, entry in one.items()
        }

    def types(self) -> set[tuple[str, str, int, str, str]]:
        """Return parent, type, free instances, API and name of every type that mdevctl lists."""
        return {
            (parent, name, int(entry["available_instances"]), entry["device_api"], entry.get("name", ""))
            for parent, types in self._by_parent("types")
            for one in types
            for name, entry in one.items()
        }

    def _by_parent(self, name: str) -> list[tuple[str, list[dict[str, Any]]]]:
        text = (self._place / name).read_text().strip()
        return [pair for one in (json.loads(text) if text else []) for pair in one.items()]

    def drivers(self) -> dict[str, str]:
        """Return the driver of each function that driverctl lists; "" = none."""
        lines = (self._place / "drivers").read_text().splitlines()
        words = (re.fullmatch(r"(\S+) (\S+)( \[\*\])?", line) for line in lines)
        return {word[1]: "" if word[2] == "(none)" else word[2] for word in words if word is not None}


def check_lspci(outputs: Outputs) -> None:
    """Addresses, ids, driver, group and NUMA node."""
    theirs = outputs.lspci()
    assert outputs.functions.keys() == theirs.keys()
    for address, fields in theirs.items():
        device = outputs.functions[address]
        assert device["driver"] == fields.get("Driver", ""), address
        assert device["group"] == (int(fields["IOMMUGroup"]) if "IOMMUGroup" in fields else None), address
        assert device["numa"] == (int(fields["NUMANode"]) if "NUMANode" in fields else None), address
        assert (device["vendor"], device["device"]) == (fields["Vendor"], fields["Device"]), address
        assert device["class_code"][:4] == fields["Class"], address
        if "SDevice" in fields and fields["SVendor"] != "0000":
            assert device["subsystem"] == f"{fields['SVendor']}:{fields['SDevice']}", address


def check_mdevctl(outputs: Outputs) -> None:
    """The mdevs, and what could be made."""
    mdevs = {(d["id"], d["parent"], d["mdev_type"]) for d in outputs.devices.values() if d["kind"] == "mdev"}
    assert mdevs == outputs.mdevs()
    types = {
        (parent["name"], t["id"], t["available"], t["device_api"], t["name"])
        for parent in outputs.ours["parents"]
        for t in parent["types"]
    }
    assert types == outputs.types()


def check_driverctl(outputs: Outputs) -> None:
    """Functions and their drivers."""
    assert {address: device["driver"] for address, device in outputs.functions.items()} == outputs.drivers()
