"""Generated trees in the place of /sys: what iovtop says agrees with lspci, mdevctl and driverctl."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bench.gen_sysfs import build
from tests.bench.manifest import Manifest
from tests.bench.namespaces import why_not

_ROOT = Path(__file__).resolve().parents[2]
_TOOLS = ("lspci", "mdevctl", "driverctl")
_DEFAULT = 10
_NIGHTLY = 300
_BATCH = 10

# $1 is the tree, $2 the folder for the outputs, $3 the interpreter. The processors of this machine stay
# visible: some tools start with them.
_SCRIPT = """
set -e
mount --bind /sys/devices/system "$1/devices/system"
mount --rbind "$1" /sys
cd "$2"
lspci -D -vmmk -n > lspci
mdevctl list --dumpjson > mdevs
mdevctl types --dumpjson > types
driverctl list-devices > drivers
"$3" -m tui snapshot --format json > ours || [ $? -le 1 ]
"""


def _missing() -> str:
    lacking = [tool for tool in _TOOLS if shutil.which(tool, path=_path()) is None]
    return why_not() or (f"not installed: {', '.join(lacking)}" if lacking else "")


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


_REASON = _missing()
pytestmark = [pytest.mark.root, pytest.mark.skipif(bool(_REASON), reason=_REASON or "never")]

Compared = Callable[[int], None]


class Outputs:
    """What everybody said of one tree."""

    def __init__(self, place: Path, tree: Path) -> None:
        environment = {**os.environ, "PATH": _path(), "PYTHONPATH": str(_ROOT), "LC_ALL": "C"}
        done = subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", _SCRIPT, "sh", tree, place, sys.executable],
            env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
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


def check_manifest(outputs: Outputs, truth: Manifest) -> None:
    """What the generator knows and no tool tells: who belongs to whom."""
    assert outputs.functions.keys() == truth.pci.keys()
    for address, entry in truth.pci.items():
        device = outputs.functions[address]
        assert device["parent"] == (entry.physfn or ""), address
        assert device["index"] == entry.vf_index, address
        assert sorted(device["netdevs"]) == sorted(entry.netdevs), address
        if entry.totalvfs is not None:
            assert (device["sriov"]["total"], len(device["sriov"]["vfs"])) == (entry.totalvfs, entry.numvfs), address
    groups = {group["id"]: sorted(group["members"]) for group in outputs.ours["groups"]}
    assert groups == {number: sorted(members) for number, members in truth.groups.items()}


def _build(tree: Path, seed: int) -> Manifest:
    return build(
        tree, pfs=1 + seed % 3, vfs=1 + seed % 7, mdev_parents=seed % 4, mdevs=seed % 5, varied=True, seed=seed
    )


@pytest.fixture
def compared(in_memory: Path, tmp_path: Path) -> Compared:
    """Return the function that builds the tree of a seed and compares."""

    def compare(seed: int) -> None:
        tree, place = in_memory / f"peers-{seed}", tmp_path / str(seed)
        place.mkdir()
        truth = _build(tree, seed)
        try:
            outputs = Outputs(place, tree)
            check_lspci(outputs)
            check_mdevctl(outputs)
            check_driverctl(outputs)
            check_manifest(outputs, truth)
        finally:
            shutil.rmtree(tree)

    return compare


def test_the_trees_hold_what_is_compared(tmp_path: Path) -> None:
    truth = _build(tmp_path / "sys", 3)
    assert truth.mdevs
    assert truth.addresses(["vf"])
    assert any(len(members) > 1 for members in truth.groups.values()) or len(truth.groups) > 5


@pytest.mark.parametrize("seed", range(1, _DEFAULT + 1))
def test_we_agree_with_our_peers(compared: Compared, seed: int) -> None:
    compared(seed)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("first", range(_DEFAULT + 1, _NIGHTLY, _BATCH))
def test_we_agree_with_our_peers_on_many_more(compared: Compared, first: int) -> None:
    for seed in range(first, first + _BATCH):
        compared(seed)
