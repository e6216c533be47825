"""``iovtop regions``."""

from __future__ import annotations

import json

from tests.unit.cli.conftest import Cli

HELD, FREE = "0000:01:10.0", "0000:01:10.4"


def test_of_a_held_function_it_says_what_is_mapped(cli: Cli) -> None:
    ended = cli("--sim", "lab", "regions", HELD)
    source, *lines = ended.out.splitlines()
    assert source.startswith("SIMULATED")
    assert [line.split()[:2] for line in lines] == [["BAR", "0"], ["BAR", "3"]]
    assert all(line.split()[2:4] == ["16", "KiB"] and line.endswith("  mapped") for line in lines)


def test_of_a_free_one_there_is_nothing_to_be_mapped(cli: Cli) -> None:
    ended = cli("--sim", "lab", "regions", FREE)
    assert "mapped" not in ended.out
    found = json.loads(cli("--sim", "lab", "regions", FREE, "--format", "json").out)
    assert [region["name"] for region in found["regions"]] == ["BAR 0", "BAR 3"]
    assert found["mapped"] is None


def test_opened_it_tells_what_only_the_device_knows(cli: Cli) -> None:
    lines = cli("--sim", "lab", "regions", FREE, "--open").out.splitlines()
    assert "config         4 KiB  rw  trapped: every access exits" in lines
    assert lines[-1].split() == ["migration", "no", "its", "driver", "offers", "none"]


def test_what_somebody_holds_is_not_opened(cli: Cli) -> None:
    ended = cli("--sim", "lab", "regions", HELD, "--open")
    assert (ended.code, ended.out) == (6, "")
    assert "is not opened: held by vm web-1" in ended.err


def test_what_is_not_there(cli: Cli) -> None:
    ended = cli("--sim", "lab", "regions", "0000:ff:00.0")
    assert (ended.code, ended.out) == (5, "")
    assert "has no device 0000:ff:00.0" in ended.err
