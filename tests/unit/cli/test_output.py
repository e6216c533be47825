"""What comes out: data on standard output, the same on every run, and SIMULATED where nothing is real."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from backend import __version__
from backend.cli.exits import Exit
from backend.present.view import View
from tests.pictures import SCENARIOS
from tests.unit.cli.conftest import Cli
from tests.unit.cli.running import iovtop

GOLDEN = Path(__file__).parents[2] / "data/golden"
_COLUMNS = "device,what,driver,path,group,holder,numa,root"
"""All but the name, which depends on the pci.ids of the machine."""


def _name(spec: str, view: str) -> str:
    return f"{spec.partition(':pfs')[0].replace(':', '-')}.{view}.txt"


@pytest.mark.parametrize("view", [view.value for view in View])
@pytest.mark.parametrize("spec", SCENARIOS)
def test_snapshots_are_as_they_were(cli: Cli, spec: str, view: str) -> None:
    """Text of each scenario, compared with a file. UPDATE_GOLDEN=1 writes the files anew: look at the difference."""
    ended = cli("--sim", spec, "snapshot", "--view", view, "--columns", _COLUMNS)
    assert (ended.code, ended.err) == (Exit.OK, "")
    text = ended.out.replace(f"iovtop {__version__}", "iovtop VERSION")
    file = GOLDEN / _name(spec, view)
    if os.environ.get("UPDATE_GOLDEN") == "1":
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def test_no_golden_file_is_left_over() -> None:
    assert {file.name for file in GOLDEN.iterdir()} == {_name(spec, view) for spec in SCENARIOS for view in View}


@pytest.mark.parametrize("spec", SCENARIOS)
def test_json_is_json_and_says_simulated(cli: Cli, spec: str) -> None:
    ended = cli("--sim", spec, "snapshot", "--format", "json")
    assert ended.err == ""
    assert ended.out.count("\n") == 1
    document = json.loads(ended.out)
    assert document["simulated"] is True
    assert document["source"] == {"kind": "simulated", "detail": spec}
    assert document["schema"] == "iovtop.snapshot/1"


@pytest.mark.parametrize(
    "arguments",
    [["snapshot"], ["snapshot", "--view", "groups"], ["doctor"], [], ["watch", "--plain", "--count", "0"]],
)
def test_every_face_says_simulated(cli: Cli, arguments: list[str]) -> None:
    out = cli("--sim", "bare", *arguments).out
    assert "SIMULATED" in "".join(out.splitlines(keepends=True)[:3])


def test_a_tree_says_that_it_is_not_this_machine(captures: Mapping[str, Path]) -> None:
    ended = iovtop("--sysfs", str(captures["1-no-vfs"] / "sys"), "snapshot")
    assert ended.stdout.startswith(f"TREE: sysfs {captures['1-no-vfs'] / 'sys'}; not this machine\n")
    assert "SIMULATED" not in ended.stdout


def test_two_runs_say_the_same(captures: Mapping[str, Path]) -> None:
    sys, proc = str(captures["3-vfs-mdevs"] / "sys"), str(captures["3-vfs-mdevs"] / "proc")
    one, other = (iovtop("--sysfs", sys, "--procfs", proc, "snapshot") for _ in range(2))
    assert one.stdout == other.stdout
    assert len(one.stdout.splitlines()) > 50


def test_ascii_when_asked_or_when_the_terminal_can_no_more(cli: Cli) -> None:
    assert cli("--sim", "messy", "snapshot", "--ascii", "--columns", _COLUMNS).out.isascii()
    assert iovtop("--sim", "messy", "snapshot", TERM="linux").stdout.isascii()
    assert iovtop("--sim", "messy", "snapshot", PYTHONIOENCODING="ascii").stdout.isascii()


@pytest.mark.parametrize("spec", ["messy", "vgpu"])
def test_no_control_character_comes_out(cli: Cli, spec: str) -> None:
    for arguments in (["snapshot"], ["snapshot", "--view", "holders"], ["doctor"], ["snapshot", "--format", "json"]):
        for line in cli("--sim", spec, *arguments).out.splitlines():
            assert line.isprintable(), line


def test_filter_and_columns(cli: Cli) -> None:
    ended = cli("--sim", "lab", "snapshot", "--filter", "holder:web-1", "--columns", "holder,device")
    assert ended.out.splitlines()[-1].split() == ["└", "vm", "web-1", "0000:01:10.0"]
    document = json.loads(cli("--sim", "lab", "snapshot", "--filter", "holder:web-1", "--format", "json").out)
    assert [device["id"] for device in document["devices"]] == ["0000:01:10.0"]
    assert document["filter"] == "holder:web-1"
    assert "no device matches" in cli("--sim", "lab", "snapshot", "--filter", "nothing-like-this").out


def test_the_hosts_document_holds_what_the_tree_holds(cli: Cli) -> None:
    document = json.loads(cli("--sim", "lab", "snapshot", "--format", "json").out)
    vf = next(device for device in document["devices"] if device["id"] == "0000:01:10.0")
    assert (vf["kind"], vf["driver"], vf["path"], vf["parent"], vf["group"]) == (
        "vf", "vfio-pci", "passthrough", "0000:01:00.0", 17,
    )  # fmt: skip
    assert [holder["name"] for holder in vf["holders"]] == ["web-1"]
    assert {finding["rule"] for finding in document["findings"]} >= {"group-not-viable"}


def test_doctor_names_what_matters(cli: Cli) -> None:
    ended = cli("--sim", "messy", "doctor")
    assert (ended.code, ended.err) == (Exit.OK, "")
    titles = [line for line in ended.out.splitlines() if not line.startswith(" ")]
    assert titles == ["host", "terminal", "rights", "tools", "files", "findings"]
    assert "remedy:" in ended.out
    assert "pci.ids" in ended.out


def test_the_default_configuration_is_a_configuration(cli: Cli, tmp_path: Path) -> None:
    text = cli("--print-default-config").out
    (tmp_path / "c.toml").write_text(text)
    assert cli("--config", str(tmp_path / "c.toml"), "--sim", "bare").code == Exit.OK
