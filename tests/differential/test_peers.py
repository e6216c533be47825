"""Generated trees in the place of /sys: what iovtop says agrees with lspci, mdevctl and driverctl."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench.gen_sysfs import build
from tests.bench.manifest import Manifest
from tests.bench.namespaces import why_not
from tests.differential.peers import COMMANDS, TOOLS, Outputs, check_driverctl, check_lspci, check_mdevctl

_ROOT = Path(__file__).resolve().parents[2]
_DEFAULT = 10
_NIGHTLY = 300
_BATCH = 10

# $1 is the tree, $2 the folder for the outputs. The processors of this machine stay visible: some tools
# start with them.
_SCRIPT = f"""
set -e
mount --bind /sys/devices/system "$1/devices/system"
mount --rbind "$1" /sys
cd "$2"
{COMMANDS}
"""


def _missing() -> str:
    lacking = [tool for tool in TOOLS if shutil.which(tool, path=_path()) is None]
    return why_not() or (f"not installed: {', '.join(lacking)}" if lacking else "")


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


_REASON = _missing()
pytestmark = [pytest.mark.root, pytest.mark.skipif(bool(_REASON), reason=_REASON or "never")]

Compared = Callable[[int], None]


def ask(place: Path, tree: Path) -> Outputs:
    """Ask everybody about a tree."""
    environment = {**os.environ, "PATH": _path(), "PYTHONPATH": str(_ROOT), "LC_ALL": "C", "PYTHON": sys.executable}
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", _SCRIPT, "sh", tree, place],
        env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Outputs(place)


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
            outputs = ask(place, tree)
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
