"""``iovtop boot`` from the command line, on a simulated host: what it says, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

from backend.cli.exits import Exit
from tests.unit.cli.conftest import Cli

PF = "0000:01:00.0"


def test_saved_gone_and_made_again(bare: Cli) -> None:
    ended = bare(
        "boot save --yes", "boot changes", "numvfs eno1 0 --yes", "boot apply --yes", "boot apply --yes",
        "boot changes", "boot remove --yes", "boot changes", "boot apply --yes",
    )  # fmt: skip
    assert (ended.code, ended.err) == (Exit.OK, "")
    assert ended.out.count("the host is as it was saved") == 3
    assert "4 VFs on 0000:01:00.0 (eno1), which has none\n1/1 make 4 VFs" in ended.out
    assert "2 done, 0 not" in ended.out
    assert ended.out.count("nothing is saved for boot") == 2


def test_a_preview_names_the_file_its_entries_and_the_unit(cli: Cli) -> None:
    ended = cli("--sim", "bare", "boot", "save", "--dry-run")
    for words in (
        "SIMULATED", f"save for boot: {PF}", "/etc/iovtop/boot.toml: - > 1 PF", f"{PF}: 4 VFs; VF 2-3: driver none",
        "write the unit iovtop-boot.service", "let systemd start it at boot",
    ):  # fmt: skip
        assert words in ended.out
    script = cli("--sim", "bare", "boot", "save", "eno1", "--dry-run=shell").out
    assert "'[[pf]]'" in script
    plan = json.loads(cli("--sim", "bare", "boot", "save", "--dry-run=json").out)
    assert plan["asked"][0]["verb"] == "boot save"


def test_changes_end_with_one_where_the_host_differs(bare: Cli) -> None:
    ended = bare("boot save --yes", "numvfs eno1 2 --yes", "boot changes")
    assert ended.code == Exit.FINDING
    assert f"{PF} number of VFs: saved 4, now 2" in ended.out
    assert "`iovtop boot apply` makes it what was saved" in ended.out
    ended = bare("boot save --yes", "numvfs eno1 2 --yes", "boot changes --json")
    found = json.loads(ended.out.splitlines()[-1])
    assert (found["kind"], found["source"]) == ("boot", "simulated")
    assert found["drift"] == [{"device": PF, "what": "number of VFs", "saved": "4", "live": "2", "claim": ""}]


def test_a_rehearsal_in_each_form_changes_nothing(bare: Cli) -> None:
    lines = ("boot save --yes", "numvfs eno1 0 --yes", "boot apply --dry-run{}", "boot changes")
    text = bare(*(line.format("") for line in lines))
    assert text.code == Exit.FINDING
    assert "drivers of the VFs: planned when the VFs of 0000:01:00.0 are there" in text.out
    shell = bare(*(line.format("=shell") for line in lines)).out
    assert f"echo 4 > /sys/bus/pci/devices/{PF}/sriov_numvfs" in shell
    data = [
        json.loads(line) for line in bare(*(line.format("=json") for line in lines)).out.splitlines() if line[0] == "{"
    ]
    assert [(part["phase"], part["plan"] is not None) for part in data][:2] == [
        ("VFs", True), ("settings of the VFs", False),
    ]  # fmt: skip


def test_all_of_it_is_one_script(cli: Cli) -> None:
    lines = cli("--sim", "drift", "boot", "apply", "--dry-run=shell").out.splitlines()
    assert (lines[0], lines.count("#!/bin/sh")) == ("#!/bin/sh", 1)
    commands = [line for line in lines if not line.startswith("#")]
    assert {line.split()[0] for line in commands} == {"set", "echo"}
    assert sum("sriov_numvfs" in line for line in commands) == 2
    nothing = cli("--sim", "bare", "boot", "apply", "--dry-run=shell").out.splitlines()
    assert all(line.startswith("#") for line in nothing)
    assert nothing[-1] == "# nothing is saved for boot"
    assert cli("--sim", "bare", "boot", "apply", "--dry-run=json").out == ""


def test_a_rehearsal_of_another_moment_says_so(cli: Cli, tmp_path: Path) -> None:
    capture, file = tmp_path / "bare.tar.gz", tmp_path / "boot.toml"
    assert cli("--sim", "bare", "capture", str(capture)).code == Exit.OK
    file.write_text(f'version = 1\n[[pf]]\nidentity = {{ address = "{PF}" }}\nvfs = 3\n')
    ended = cli("--capture", str(capture), "boot", "apply", "--file", str(file), "--dry-run", "shell")
    assert ended.code == Exit.OK
    assert ended.out.startswith("#!/bin/sh\n# CAPTURE: bare.tar.gz, a simulated host, ")
    assert f"echo 3 > /sys/bus/pci/devices/{PF}/sriov_numvfs" in ended.out


def test_without_a_terminal_nothing_is_done_unasked(bare: Cli) -> None:
    ended = bare("boot save --yes", "numvfs eno1 0 --yes", "boot apply")
    assert ended.code == Exit.USAGE
    assert "give --yes" in ended.err


def test_another_file_and_what_is_wrong_with_it(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "boot.toml"
    file.write_text(f'version = 1\n[[pf]]\nidentity = {{ address = "{PF}" }}\nvfs = 3\n')
    ended = cli("--sim", "bare", "boot", "changes", "--file", str(file))
    assert (ended.code, f"{PF} number of VFs: saved 3, now 4" in ended.out) == (Exit.FINDING, True)
    ended = cli("--sim", "bare", "boot", "apply", "--file", str(file), "--yes")
    assert (ended.code, "1 done, 0 not" in ended.out) == (Exit.OK, True)
    assert ended.out.startswith("SIMULATED: scenario bare; ")
    file.write_text("version = 1\n[[pf]]\nvfs = 3\n")
    for verb in ("changes", "apply"):
        ended = cli("--sim", "bare", "boot", verb, "--file", str(file))
        assert ended.code == Exit.USAGE
        assert ended.err == f"iovtop: {file}: line 2: Object missing required field `identity` - at `$.pf[0]`\n"
    ended = cli("--sim", "bare", "boot", "changes", "--file", str(tmp_path / "none"))
    assert (ended.code, "cannot be read: No such file" in ended.err) == (Exit.USAGE, True)


def test_a_held_vf_is_named_and_the_end_says_refused(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "boot.toml"
    file.write_text(f'version = 1\n[[pf]]\nidentity = {{ address = "{PF}" }}\nvfs = 2\n')
    ended = cli("--sim", "lab", "boot", "apply", "--yes", "--file", str(file))
    assert ended.code == Exit.REFUSED
    assert "it must be that nobody holds 0000:01:10.0; found: held by vm" in ended.err
    assert "0 done, 1 not" in ended.out
    data = [json.loads(line) for line in cli(
        "--sim", "lab", "boot", "apply", "--yes", "--json", "--file", str(file)
    ).out.splitlines()]  # fmt: skip
    assert (data[-1]["kind"], data[-1]["source"], data[-1]["ended"]) == ("part", "simulated", None)


def test_a_card_that_does_not_come_is_waited_for_no_longer_than_asked(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "boot.toml"
    file.write_text('version = 1\n[[function]]\nidentity = { serial = "x", ids = "1234:5678" }\ndriver = ""\n')
    ended = cli("--sim", "bare", "boot", "apply", "--yes", "--wait", "1", "--file", str(file))
    assert ended.code == Exit.REFUSED
    assert "serial x: this host has no 1234:5678 now" in ended.err


def test_the_unit_is_printed(cli: Cli) -> None:
    ended = cli("--sim", "bare", "boot", "unit")
    assert (ended.code, "ExecStart=/usr/bin/iovtop boot apply --yes" in ended.out) == (Exit.OK, True)
