"""All VMs of a host go, from the command line."""

from __future__ import annotations

import json
import subprocess
import sys

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
