"""``iovtop watch``: a line for each change."""

from __future__ import annotations

import json
from argparse import Namespace

import pytest

from backend.cli import watch
from backend.cli.exits import Exit
from backend.simhost import open_simulated
from backend.simhost.host import SimulatedHost
from backend.simhost.schedule import Operation, Wait
from tests.unit.cli.conftest import Cli
from tests.unit.cli.running import started


def test_the_whole_host_comes_first(cli: Cli) -> None:
    ended = cli("--sim", "bare", "watch", "--count", "0")
    assert (ended.code, ended.err) == (Exit.OK, "")
    (line,) = ended.out.splitlines()
    record = json.loads(line)
    assert record["kind"] == "snapshot"
    assert len(record["document"]["devices"]) > 5


def changing() -> SimulatedHost:
    """Return a host whose VFs go, one second after somebody looks."""
    doors = open_simulated("bare")

    def later() -> Operation:
        yield Wait(seconds=0.5)
        yield from doors.kernel.root_write("/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs", b"0")
        yield Wait(seconds=2.0)  # longer than a busy machine takes for a look
        yield from doors.kernel.root_write("/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs", b"2")

    doors.kernel.core.schedule.start(later())
    return doors


def test_then_a_line_for_each_delta(capsys: pytest.CaptureFixture[str]) -> None:
    code = watch.run(changing(), Namespace(plain=False, count=2, interval=60.0))
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert code == Exit.OK
    assert [record["kind"] for record in records] == ["snapshot", "delta", "delta"]
    sequences = [record["sequence"] for record in records[1:]]
    assert sequences == [sequences[0], sequences[0] + 1]
    for record in records[1:]:
        assert record["simulated"] is True
        assert record["taken_at"].endswith("Z")
    gone, new = records[1]["devices"], records[2]["devices"]
    assert len(gone["removed"]) == 4
    assert [device["id"] for device in new["added"]] == ["0000:02:10.0", "0000:02:10.4"]
    (change,) = new["changed"]
    assert change["id"] == "0000:01:00.0"
    old, now = change["fields"]["sriov"]
    assert (len(old["vfs"]), len(now["vfs"])) == (0, 2)


@pytest.mark.parametrize(
    ("term", "only", "plain"), [("xterm", False, False), ("linux", False, True), ("xterm", True, True)]
)
def test_the_signs_are_those_of_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, term: str, only: bool, plain: bool
) -> None:
    monkeypatch.setenv("TERM", term)
    watch.run(open_simulated("bare"), Namespace(plain=True, ascii=only, count=0, interval=60.0))
    assert capsys.readouterr().out.isascii() == plain


def test_plain_lines_carry_the_time_and_the_device(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    watch.run(changing(), Namespace(plain=True, ascii=False, count=2, interval=60.0))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("SIMULATED")
    words = [line.split("  ", 1) for line in lines]
    times = [time for time, *_ in words if len(time) == 8 and time[2] == time[5] == ":"]
    assert len(times) >= 8
    changes = [rest[0] for time, *rest in words if rest]
    assert "0000:02:10.4  gone" in changes
    assert "0000:02:10.4  new vf vf1 eno1v1, driver igbvf" in changes
    assert "0000:01:00.0  sriov 0/7 VFs \N{RIGHTWARDS ARROW} 2/7 VFs" in changes


def test_lines_come_as_they_happen() -> None:
    """Nothing waits in a buffer until the end."""
    with started(["--sim", "lab", "watch"]) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        assert process.stdout.readline()
        process.terminate()
