"""What a real kernel was seen to hold, opened with ``--capture``."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from backend import __version__
from backend.cli.exits import Exit
from backend.host.captured import unpack
from tests.unit.cli.conftest import Cli

LAB = Path(__file__).parents[2] / "data/lab"
ARCHIVES = sorted(LAB.glob("*.tar.gz"))
_COLUMNS = "device,what,driver,path,group,holder,numa,root"
"""All but the name, which depends on the pci.ids of the machine."""


@pytest.fixture(scope="module")
def states(in_memory: Path) -> Mapping[str, str]:
    """Name of a state → folder with its unpacked capture. Made anew when a worker comes back to this module."""
    place = Path(tempfile.mkdtemp(prefix="lab-", dir=in_memory))
    folders = {archive.name.removesuffix(".tar.gz"): place / archive.name for archive in ARCHIVES}
    for name, folder in folders.items():
        folder.mkdir()
        unpack(LAB / f"{name}.tar.gz", folder)
    return {name: str(folder) for name, folder in folders.items()}


def _devices(cli: Cli, capture: str) -> dict[str, dict[str, Any]]:
    ended = cli("--capture", capture, "snapshot", "--format", "json")
    assert ended.code in (Exit.OK, Exit.PARTIAL)
    found: dict[str, dict[str, Any]] = {one["id"]: one for one in json.loads(ended.out)["devices"]}
    return found


@pytest.mark.parametrize("state", [archive.name.removesuffix(".tar.gz") for archive in ARCHIVES])
def test_captures_are_shown_as_they_were(cli: Cli, states: Mapping[str, str], state: str) -> None:
    """Text of each, compared with a file. UPDATE_GOLDEN=1 writes the files anew: look at the difference."""
    ended = [
        cli("--capture", states[state], "snapshot", "--view", view, "--columns", _COLUMNS)
        for view in ("devices", "groups", "holders")
    ]
    text = "\n".join(one.out + one.err for one in ended).replace(f"iovtop {__version__}", "iovtop VERSION")
    file = LAB / "shown" / f"{state}.txt"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def test_every_capture_is_described() -> None:
    described = (LAB / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in ARCHIVES if f"`{path.name}`" not in described] == []
    assert {path.stem for path in (LAB / "shown").iterdir()} == {path.name.partition(".")[0] for path in ARCHIVES}


@pytest.mark.parametrize(
    ("state", "bdf", "driver", "path", "holders"),
    [
        ("vfs-idle", "0000:01:10.0", "", "idle", []),
        ("vfs-on-the-host", "0000:01:10.0", "igbvf", "host", []),
        ("vfs-ready", "0000:01:10.0", "vfio-pci", "ready", []),
        ("program-holds", "0000:01:10.0", "vfio-pci", "trap", ["process python"]),
        ("not-root", "0000:01:10.0", "vfio-pci", None, ["unseen somebody"]),
        ("vm-passthrough", "0000:01:10.0", "vfio-pci", "passthrough", ["vm web-1"]),
        ("vm-trap", "0000:01:10.0", "vfio-pci", "trap", ["vm web-1"]),
        ("removing-while-held", "0000:01:10.0", "", "trap", ["process python"]),
        ("unbinding-while-held", "0000:01:10.0", "", "trap", ["process python"]),
        ("pf-on-vfio", "0000:02:00.0", "vfio-pci", "ready", []),
        ("pf-stub", "0000:03:00.0", "pci-pf-stub", "host", []),
    ],
)
def test_what_a_real_kernel_meant(
    cli: Cli, states: Mapping[str, str], state: str, bdf: str, driver: str, path: str | None, holders: list[str]
) -> None:
    found = _devices(cli, states[state])[bdf]
    assert (found["driver"], found["path"]) == (driver, path)
    assert [f"{one['kind']} {one['name']}" for one in found["holders"]] == holders


def test_a_real_group_that_is_not_viable_names_its_culprit(cli: Cli, states: Mapping[str, str]) -> None:
    ended = cli("--capture", states["group-not-viable"], "snapshot", "--view", "groups")
    assert "group 15 is not viable: 0000:06:02.0 e1000 (0000:06:01.0 cannot be opened" in ended.out
