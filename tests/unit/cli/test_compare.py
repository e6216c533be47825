"""``compare``, played on the two hosts of the scenario duo."""

from __future__ import annotations

import json

import pytest

from tests.unit.cli.test_migrate import DESTINATION, iovtop

THERE = ("--to-sim", "duo:hv08")


@pytest.mark.parametrize(
    ("arguments", "code", "texts"),
    [
        (("web-2", DESTINATION, *THERE), 0, ["can take web-2 over", "0000:c1:00.2 → 0000:c1:00.4"]),
        (("web-2", "here", *THERE), 0, ["host hv08 can take web-2 over", "0000:c1:00.2 → 0000:c1:00.7"]),
        (("db-1", "here", *THERE), 0, ["0000:c1:00.3 → ", "0000:c1:00.4 → "]),
        (
            ("web-2", "/run/vm/db-1.in.qmp", *THERE),
            1,
            ["it has 32768 MiB of memory, the source 8192 MiB", "8 vCPUs, the source 4", "a device hostpci1"],
        ),
        (("web-2", "/nowhere"), 1, ["it was not asked: web-2: there is no monitor /nowhere", "-incoming defer"]),
        (("web-2", "/run/vm/fw-1.qmp"), 1, ["it does not wait for a migration: it is running"]),
    ],
)
def test_everything_that_differs_at_once(arguments: tuple[str, ...], code: int, texts: list[str]) -> None:
    done = iovtop("compare", *arguments)
    assert (done.returncode, done.stderr) == (code, "")
    assert [text for text in texts if text not in done.stdout] == []


def test_as_json() -> None:
    found = json.loads(iovtop("compare", "web-2", "/run/vm/db-1.in.qmp", *THERE, "--format", "json").stdout)
    assert {reason["weight"] for reason in found["reasons"]} == {"blocks"}
    assert all(reason["remedy"] and reason["evidence"] for reason in found["reasons"])


def test_what_is_no_destination() -> None:
    done = iovtop("compare", "web-2", "somewhere")
    assert done.returncode == 2
    assert "write the absolute path of a QMP socket, here, or the URI of a libvirt" in done.stderr
