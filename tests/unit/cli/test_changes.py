"""Changes from the command line, on a simulated host: plan, run, journal, undo, and how each ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backend.cli.exits import Exit
from tests.unit.cli.conftest import Cli

PF = "0000:01:00.0"


def test_a_dry_run_shows_everything_and_does_nothing(bare: Cli) -> None:
    ended = bare("numvfs eno1 2 --dry-run", "log")
    assert (ended.code, ended.err) == (Exit.OK, "")
    for words in (
        "SIMULATED", f"2 VFs on {PF} (eno1), which has 4", "+ nobody holds 0000:02:10.0 to 0000:02:11.4 (4 of them)",
            "1 remove the 4 VFs",
        f"/sys/bus/pci/devices/{PF}/sriov_numvfs: 4 > 0", "- eno1v0, eno1v1 go away", "danger: disruptive",
        "undo: yes, but", "nothing was changed yet",
    ):  # fmt: skip
        assert words in ended.out


@pytest.mark.parametrize("words", [("--dry-run", "eno1", "2"), ("eno1", "--dry-run", "2"), ("eno1", "2", "--dry-run")])
def test_dry_run_may_stand_anywhere(cli: Cli, words: tuple[str, ...]) -> None:
    assert "1 remove the 4 VFs" in cli("--sim", "bare", "numvfs", *words).out


def test_a_dry_run_as_a_script(cli: Cli) -> None:
    lines = cli("--sim", "bare", "numvfs", "eno1", "2", "--dry-run", "shell").out.splitlines()
    assert lines[0] == "#!/bin/sh"
    assert "SIMULATED" in lines[1]
    commands = [line for line in lines if not line.startswith("#")]
    path = f"/sys/bus/pci/devices/{PF}/sriov_numvfs"
    assert commands == ["set -e", f"echo 0 > {path}", f"echo 2 > {path}"]


@pytest.mark.parametrize("words", [("eno1", "2", "--dry-run=json"), ("--dry-run", "json", "eno1", "2")])
def test_a_dry_run_as_data(cli: Cli, words: tuple[str, ...]) -> None:
    plan = json.loads(cli("--sim", "bare", "numvfs", *words).out)
    assert (plan["kind"], plan["ready"], plan["source"]) == ("plan", True, "simulated")
    assert plan["asked"][0]["verb"] == "numvfs"
    assert plan["asked"][0]["arguments"].items() >= {"pf": PF, "count": 2, "autoprobe": True}.items()
    assert [step["new"] for step in plan["steps"]] == ["0", "2"]


def test_a_change_its_journal_and_the_way_back(bare: Cli) -> None:
    ended = bare("numvfs eno1 2 --yes", "undo --yes", "log", "log 1", "snapshot --filter vf --columns device")
    assert (ended.code, ended.err) == (Exit.OK, "")
    out = ended.out
    assert "1/2 remove the 4 VFs" in out
    assert f"2/2 done: {PF} has 2 VFs" in out
    assert "operation 1; `undo 1` takes it back, in the same `iovtop do`" in out
    assert f"take back 1: 4 VFs on {PF} (eno1), which has 2" in out
    assert "asked for by: " in out
    assert out.count("\n├ 0000:02:1") + out.count("\n└ 0000:02:1") == 4


def test_what_was_taken_back_is_not_taken_back_again(bare: Cli) -> None:
    ended = bare("numvfs eno1 2 --yes", "undo --yes", "undo 1 --yes")
    assert ended.code == Exit.REFUSED
    assert "line 3: operation 1 was taken back by operation 2 already" in ended.err
    ended = bare("numvfs eno1 2 --yes", "undo --yes", "undo --yes")
    assert (ended.code, "nothing to take back" in ended.err) == (Exit.REFUSED, True)
    assert bare("numvfs eno1 2 --yes", "undo --yes", "undo 2 --yes", "undo 1 --yes").code == Exit.OK


def test_events_as_data(cli: Cli) -> None:
    ended = cli("--sim", "bare", "numvfs", "eno1", "2", "--yes", "--json")
    plan, *events = [json.loads(line) for line in ended.out.splitlines()]
    assert (ended.code, plan["kind"]) == (Exit.OK, "plan")
    assert [event["state"] for event in events if event["state"] != "progress"] == [
        "started", "step done", "started", "step done", "done",
    ]  # fmt: skip
    assert {event["operation"] for event in events} == {1}


def test_the_journal_as_data(bare: Cli) -> None:
    out = bare("numvfs eno1 2 --yes", "log --json").out
    entry = json.loads(out.splitlines()[-1])
    assert (entry["operation"], entry["ended"], entry["plan"]["devices"][0]) == (1, "done", PF)
    assert [step["found"] for step in entry["steps"]] == [f"{PF} has 0 VFs", f"{PF} has 2 VFs"]
    assert entry["who"]["user"]
    assert entry["began"].endswith("+00:00")


def test_the_same_state_is_nothing_to_do(cli: Cli) -> None:
    ended = cli("--sim", "bare", "numvfs", "eno1", "4")
    assert (ended.code, ended.err) == (Exit.OK, "")
    assert "nothing to do: the host is in that state" in ended.out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["numvfs", "eno1", "2"], Exit.USAGE, ["no terminal", "--yes"]),
        (["numvfs", "eno1", "-1"], Exit.USAGE, ["count", "'-1' is no number from 0 on"]),
        (["numvfs", "eno1"], Exit.USAGE, ["COUNT", "--help"]),
        (["numvfs", "eno1", "2", "--dry-run=xml"], Exit.USAGE, ["xml", "shell"]),
        (["numvf", "eno1", "2"], Exit.USAGE, ["did you mean 'numvfs'"]),
        (["numvfs", "eno2", "2", "--yes"], Exit.NO_DEVICE, ["'eno2'", "did you mean"]),
        (["numvfs", "0000:ff:00.0", "2", "--yes"], Exit.NO_DEVICE, ["0000:ff:00.0", "snapshot"]),
        (["numvfs", "vf 9 of eno1", "2", "--yes"], Exit.NO_DEVICE, ["no VF 9"]),
        (["numvfs", "vf 1 of eno1", "2", "--yes"], Exit.REFUSED, ["is no PF"]),
        (["numvfs", "eno1", "99", "--yes"], Exit.REFUSED, ["sriov_totalvfs", "at most"]),
        (["numvfs", "eno1", "99", "--dry-run"], Exit.REFUSED, []),
        (["log", "7"], Exit.NO_DEVICE, ["no operation 7"]),
        (["log", "--count", "0"], Exit.USAGE, ["--count", "'0' is not a number from 1"]),
        (["undo", "7"], Exit.NO_DEVICE, ["no operation 7"]),
        (["undo"], Exit.REFUSED, ["nothing to take back"]),
        (["recover", "7"], Exit.USAGE, ["finish|rollback|close"]),
        (["recover", "7", "close"], Exit.NO_DEVICE, ["no operation 7"]),
        (["mdev", "create", "mtty", "mtty-1", "x"], Exit.USAGE, ["as in 83b8f4f2-509f-382f-3c1e-e6bfe0fa1001\n"]),
        (["do", "/nonexistent"], Exit.USAGE, ["/nonexistent", "cannot be read"]),
    ],
)
def test_every_way_it_does_not_go(cli: Cli, arguments: list[str], code: Exit, words: list[str]) -> None:
    ended = cli("--sim", "bare", *arguments)
    assert ended.code == code, ended
    assert ended.err.count("\n") == bool(words)
    assert all(word in ended.err for word in words), ended.err


def test_nobody_takes_a_vf_from_a_vm(cli: Cli) -> None:
    ended = cli("--sim", "lab", "numvfs", "enp1s0", "0", "--yes")
    assert ended.code == Exit.REFUSED
    assert "held by vm web-1 (pid 2101" in ended.err
    assert "! it must be that nobody holds 0000:01:10.0; found: held by vm web-1" in ended.out


def test_what_is_no_live_host_is_only_planned(cli: Cli, tmp_path: Path) -> None:
    capture = tmp_path / "bare.tar.gz"
    assert cli("--sim", "bare", "capture", str(capture)).code == Exit.OK
    ended = cli("--capture", str(capture), "numvfs", "eno1", "2", "--yes")
    assert (ended.code, "cannot be changed" in ended.err) == (Exit.REFUSED, True)
    planned = cli("--capture", str(capture), "numvfs", "eno1", "2", "--dry-run")
    assert f"2 VFs on {PF} (eno1), which has 4" in planned.out


def test_nothing_is_unfinished(bare: Cli) -> None:
    ended = bare("numvfs eno1 2 --yes", "recover")
    assert ended.out.endswith("nothing is unfinished\n")
    assert bare("numvfs eno1 2 --yes", "recover 1 finish").code == Exit.REFUSED


@pytest.mark.parametrize("line", ["do x", "--sim lab log", "numvfs 'eno1"])
def test_a_file_of_commands_holds_commands_only(bare: Cli, line: str) -> None:
    ended = bare("", "# a comment", line)
    assert ended.code == Exit.USAGE
    assert "line 3" in ended.err


def test_help_of_a_change(cli: Cli) -> None:
    out = cli("numvfs", "--help").out
    assert "usage: iovtop numvfs" in out
    assert "--guests" in out
    assert "--dry-run" in out
