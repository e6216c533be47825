"""All VMs of a host go, from the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.test_migrate import ROOT, iovtop

AWAY = ("evacuate", "--to-sim", "duo:hv08")


def test_it_is_all_or_nothing() -> None:
    done = iovtop(*AWAY, "--yes")
    assert done.returncode == 6
    assert "nothing was started: 2 of 4 VMs cannot go; --those-that-can begins with the others" in done.stderr
    assert "it must be that cache-1 can go; found: it belongs to libvirt" in done.stdout
    assert "it must be that fw-1 can go; found: 0000:c1:02.2: VFIO migration is not supported" in done.stdout


def test_those_that_can_go_and_the_others_stay() -> None:
    done = iovtop(*AWAY, "--those-that-can", "--yes", "--bandwidth", "4G", "--at-once", "1", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    plan, *events = [json.loads(line) for line in done.stdout.splitlines()]
    assert any("cache-1 stays: it belongs to libvirt" in words for words in plan["consequences"])
    told = [event["evacuation"] for event in events if "evacuation" in event]
    assert all(one["total"] - one["moved"] - one["stayed"] - one["to_come"] <= 1 for one in told)
    parts = [one["part"] for one in told]
    assert parts == sorted(parts)
    assert (told[-1]["moved"], told[-1]["part"]) == (2, 1.0)
    ended = {event["vm"]: event["verdict"]["where"] for event in events if "vm" in event}
    assert ended == {"db-1": "destination", "web-2": "destination"}


def test_the_script_of_a_plan_does_what_the_plan_says() -> None:
    wished = ("--bandwidth", "2G", "--downtime", "100", "--connections", "4", "--dry-run=shell")
    done = iovtop("evacuate", "web-2", "--to-sim", "duo:hv08", *wished)
    assert (done.returncode, done.stderr) == (0, "")
    commands = [line for line in done.stdout.splitlines() if not line.startswith("#")]
    move = "iovtop migrate web-2 /run/vm/web-2.in.qmp --strategy vfio --to-sim duo:hv08 --downtime 100"
    assert commands == ["set -e", f"{move} --bandwidth 2147483648 --connections 4 --yes"]
    unplugged = iovtop("evacuate", "fw-1", "--strategy", "unplug", "--dry-run=shell")
    start, *moves = [line for line in unplugged.stdout.splitlines() if not line.startswith(("#", "set"))]
    assert start.startswith("qemu-system-x86_64 ")
    assert moves == ["iovtop migrate fw-1 /run/vm/fw-1.in.qmp --strategy unplug --downtime 300 --yes"]


def test_the_script_of_a_plan_waits_for_the_qemu_that_it_starts(tmp_path: Path) -> None:
    done = iovtop("evacuate", "web-2", "--dry-run=shell")
    start = next(line for line in done.stdout.splitlines() if line.startswith("qemu-system-x86_64"))
    assert " & while kill -0 $! && ! test -S /run/vm/web-2.in.qmp; do " in start
    (tmp_path / "qemu-system-x86_64").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "qemu-system-x86_64").chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    ended = subprocess.run(
        ["sh", "-ec", f"{start}\necho on"], env={"PATH": path}, capture_output=True, timeout=30, check=False
    )
    assert ended.stdout == b"on\n"  # one that ends is not waited for: the migration then says what is missing


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ((*AWAY, "--those-that-can"), 2, "add --yes where nobody can be asked"),
        ((*AWAY, "wbe-2"), 5, "did you mean 'web-2'"),
        ((*AWAY, "cache-1", "--those-that-can", "--yes"), 6, "nothing was started: 1 of 1 VMs cannot go"),
        ((*AWAY, "--to", "hv08"), 2, "write the URI of a libvirt, as in qemu+ssh://HOST/system"),
        ((*AWAY, "--at-once", "0"), 2, "'0' is not a number from 1"),
        ((*AWAY, "--detach"), 2, "a simulated host ends with this command"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(arguments: tuple[str, ...], code: int, text: str) -> None:
    done = iovtop(*arguments)
    assert done.returncode == code, done
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_real_has_no_simulated_neighbours() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tui", "evacuate", "--to-sim", "duo:hv08", "--yes"],
        cwd=ROOT, capture_output=True, text=True, timeout=55, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "only a simulated host (--sim) has simulated neighbours" in done.stderr
