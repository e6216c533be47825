"""Exit codes and error lines: every documented case."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from backend.cli import snapshot
from backend.cli.exits import Exit
from tests.unit.cli.conftest import Cli
from tests.unit.cli.running import environment, iovtop, started

CAPTURE = Path(__file__).parents[2] / "data/lab/vfs-idle.tar.gz"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["snapsot"], ["invalid choice", "did you mean 'snapshot'"]),
        (["--nothing"], ["--nothing", "--help"]),
        (["snapshot", "--format", "xml"], ["xml", "text", "json"]),
        (["snapshot", "--view", "device"], ["did you mean 'devices'"]),
        (["--sim", "lba", "snapshot"], ["lba", "lab", "messy"]),
        (["--sim", "duo:hv99", "snapshot"], ["hv99", "hv07"]),
        (["--sim", "scale:pfs=x", "snapshot"], ["pfs"]),
        (["--sim", "scale:nothing=1", "snapshot"], ["nothing"]),
        (["--sim", "lab", "--sysfs", "/sys", "snapshot"], ["--sim, --capture and --sysfs"]),
        (["--sysfs", "/nonexistent", "snapshot"], ["--sysfs /nonexistent: no such directory"]),
        (["--procfs", "/nonexistent", "snapshot"], ["--procfs /nonexistent: no such directory"]),
        (["--sysfs", "/usr", "snapshot"], ["--sysfs /usr", "no bus/"]),
        (["--sim", "lab", "snapshot", "--filter", "drver:x"], ["--filter", "drver", "did you mean 'driver'"]),
        (["--sim", "lab", "snapshot", "--filter", '"a'], ["--filter", "not closed"]),
        (["--sim", "lab", "snapshot", "--columns", "device,divr"], ["--columns", "divr", "did you mean", "columns:"]),
        (["--sim", "lab", "snapshot", "--format", "json", "--columns", "device"], ["--view and --columns"]),
        (["--sim", "lab", "watch", "--count", "many"], ["--count"]),
        (["--sim", "lab", "watch", "--count", "-1"], ["--count", "is not a number from 0"]),
        (["--sim", "lab", "watch", "--interval", "soon"], ["--interval"]),
        (["--sim", "lab", "boot", "apply", "--wait", "-1"], ["--wait", "is not a number from 0"]),
        (["--capture", str(CAPTURE), "watch"], ["a capture is one moment, in which nothing changes"]),
        (["--interval", "0.1"], ["0.5 to 60"]),
        (["--config", "/nonexistent/config.toml"], ["/nonexistent/config.toml: no such file"]),
        (["--config", "/"], ["/: cannot be read"]),
        (["--config", "/nonexistent/config.toml", "--sim", "lab", "snapshot"], ["/nonexistent/config.toml: no such"]),
        (["--sim", "lab", "snapshot", "--columns", "device,trap"], ["trap is measured over time", "iovtop record"]),
        (["--sim", "lab", "snapshot", "--columns", "irq,in"], ["--columns: in is measured over time"]),
    ],
)
def test_wrong_usage_is_one_line_that_says_what_would_be_right(
    cli: Cli, arguments: list[str], words: list[str]
) -> None:
    ended = cli(*arguments)
    assert (ended.code, ended.out) == (Exit.USAGE, "")
    assert ended.err.startswith("iovtop: ")
    assert ended.err.count("\n") == 1
    for word in words:
        assert word in ended.err


@pytest.mark.parametrize(
    "option",
    [
        "--theme dark",
        "--ascii",
        "--color 16",
        "--slow",
        "--no-restore",
        "--write",
        "--no-mouse",
        "--interval 2",
        "-d 2",
        "-d 0",
    ],
)
@pytest.mark.parametrize("verb", [["snapshot"], ["numvfs", "eno1", "2", "--yes"]], ids=["a report", "a change"])
def test_what_only_the_screen_heeds_is_refused_where_none_opens(cli: Cli, option: str, verb: list[str]) -> None:
    ended = cli("--sim", "bare", *option.split(), *verb)
    assert (ended.code, ended.out) == (Exit.USAGE, "")
    name = {"-d": "--interval"}.get(option.split()[0], option.split()[0])
    assert ended.err == f"iovtop: {name} is for the screen, and this command opens none; see iovtop COMMAND --help\n"


@pytest.mark.parametrize("verb", [["snapshot"], []], ids=["a command", "a pipe instead of a screen"])
def test_a_configuration_that_is_named_is_looked_at_without_a_screen(cli: Cli, tmp_path: Path, verb: list[str]) -> None:
    file = tmp_path / "c.toml"
    file.write_text('[screen]\nthem = "dark"\n')
    ended = cli("--config", str(file), "--sim", "lab", *verb)
    assert (ended.code, ended.out) == (Exit.USAGE, "")
    assert ended.err.startswith(f"iovtop: {file}: ")
    assert "did you mean screen.theme?" in ended.err
    file.write_text('[screen]\nview = "groups"\n')
    ended = cli("--config", str(file), "--sim", "lab", *verb)
    assert (ended.code, ended.err) == (Exit.OK, "")
    assert ("group 17" in ended.out) == (not verb)  # a command has options of its own for what is printed


@pytest.mark.parametrize(
    "words",
    ["snapshot", "log", "recover", "jobs", "states", "doctor", "boot changes", "regions 0000:01:10.0", "why web-1"],
)
def test_what_is_simulated_says_so_first(cli: Cli, words: str) -> None:
    lines = cli("--sim", "lab", *words.split()).out.splitlines()
    assert "SIMULATED: scenario lab; nothing below is real" in [line.strip() for line in lines[:2]]


@pytest.mark.parametrize("words", ["boot changes", "regions 0000:01:10.0", "why web-1"])
def test_what_is_simulated_says_so_in_json_too(cli: Cli, words: str) -> None:
    assert json.loads(cli("--sim", "lab", *words.split(), "--json").out)["source"] == "simulated"


@pytest.mark.parametrize("arguments", [["--help"], ["snapshot", "--help"], ["watch", "-h"], ["doctor", "--help"]])
def test_help_goes_to_standard_output(cli: Cli, arguments: list[str]) -> None:
    ended = cli(*arguments)
    assert (ended.code, ended.err) == (0, "")
    assert "usage: iovtop" in ended.out


def test_the_help_lists_every_exit_code(cli: Cli) -> None:
    text = cli("--help").out
    assert {int(code) for code in Exit} <= {
        int(word.strip(";,.")) for word in text.split() if word.strip(";,.").isdigit()
    }


def test_a_clean_host(cli: Cli) -> None:
    assert cli("--sim", "duo:hv07", "snapshot").code == Exit.OK
    assert cli("--sim", "duo:hv07", "snapshot", "--check").code == Exit.OK


def test_findings_count_only_when_asked_for(cli: Cli) -> None:
    assert cli("--sim", "lab", "snapshot").code == Exit.OK
    assert cli("--sim", "lab", "snapshot", "--check").code == Exit.FINDING
    assert cli("--sim", "lab", "snapshot", "--check", "--format", "json").code == Exit.FINDING


def test_what_could_not_be_read_is_partial(tmp_path: Path) -> None:
    (tmp_path / "sys/bus").mkdir(parents=True)
    ended = iovtop("--sysfs", str(tmp_path / "sys"), "snapshot")
    assert ended.returncode == Exit.PARTIAL
    assert "no devices: /sys/bus/pci/devices could not be read" in ended.stdout


def test_a_single_attribute_that_fails_is_partial_and_the_rest_is_there(
    captures: Mapping[str, Path], tmp_path: Path
) -> None:
    where = "sys/devices/pci0000:00/0000:00:06.0"
    (tmp_path / where / "numa_node").mkdir(parents=True)
    (tmp_path / where / "modalias").write_text("pci:v00001B36d0000000Csv00000000sd00000000bc06sc04i00\n")
    (tmp_path / "sys/bus/pci/devices").mkdir(parents=True)
    (tmp_path / "sys/bus/pci/devices/0000:00:06.0").symlink_to("../../../devices/pci0000:00/0000:00:06.0")
    ended = iovtop("--sysfs", str(tmp_path / "sys"), "snapshot", "--format", "json")
    assert ended.returncode == Exit.PARTIAL
    (device,) = json.loads(ended.stdout)["devices"]
    assert device["notes"]["numa"]["state"] == "unknown"


def test_being_hidden_is_not_a_failure(captures: Mapping[str, Path]) -> None:
    capture = captures["3-vfs-mdevs"]
    ended = iovtop("--sysfs", str(capture / "sys"), "--procfs", str(capture / "proc"), "snapshot")
    assert (ended.returncode, ended.stderr) == (Exit.OK, "")


def test_a_fault_of_our_own_is_logged_and_says_where(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(snapshot, "verdict", fail)
    monkeypatch.setattr(snapshot, "take", fail)
    ended = cli("--sim", "bare", "snapshot")
    log = tmp_path / "state/iovtop/iovtop.log"
    assert (ended.code, ended.out) == (Exit.CRASH, "")
    assert str(log) in ended.err
    assert ended.err.count("\n") == 1
    assert "on purpose" in log.read_text()
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nonexistent")
    ended = cli("--sim", "bare", "snapshot")
    assert ended.code == Exit.CRASH
    assert "Traceback" in ended.err


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [["snapshot"], ["snapshot", "--format", "json"], ["watch", "--count", "0"]])
def test_a_reader_that_goes_away(arguments: list[str], unbuffered: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tui", "--sim", "scale:pfs=16,vfs=64,mdevs=0", *arguments],
        cwd="/", env=environment(PYTHONUNBUFFERED=unbuffered),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        assert os.read(process.stdout.fileno(), 20)
        process.stdout.close()
        assert process.wait(30) == Exit.BROKEN_PIPE
        assert process.stderr.read() == b""


@pytest.mark.parametrize(
    "words",
    ["--version", "--help", "snapshot", "snapshot --json", "capture -", "numvfs eno1 2 --yes", "watch --count 0"],
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_takes_no_output_and_is_no_fault_of_ours(words: str, unbuffered: str) -> None:
    arguments = words.split() if words.startswith("--") else ["--sim", "bare", *words.split()]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "tui", *arguments], env=environment(PYTHONUNBUFFERED=unbuffered), check=False,
            stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, text=True, timeout=50,
        )  # fmt: skip
    told = "iovtop: standard output cannot be written: No space left on device\n"
    assert (ended.returncode, ended.stderr) == (Exit.FAILED, told)


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_error_comes_after_what_was_printed_before_it(tmp_path: Path, unbuffered: str) -> None:
    file = tmp_path / "commands"
    file.write_text("log\nnonsense\n")
    ended = subprocess.run(
        [sys.executable, "-m", "tui", "--sim", "bare", "do", str(file)], env=environment(PYTHONUNBUFFERED=unbuffered),
        check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=50,
    )  # fmt: skip
    assert ended.returncode == Exit.USAGE
    assert ended.stdout.splitlines()[-2] == "# nonsense"
    assert ended.stdout.splitlines()[-1].startswith(f"iovtop: {file}, line 2: ")


@pytest.mark.parametrize("arguments", [["watch"], ["watch", "--plain"]])
def test_an_interrupt(arguments: list[str]) -> None:
    with started(["--sim", "lab", *arguments]) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == Exit.INTERRUPTED
        assert process.stderr.read() == ""


def test_without_a_terminal_the_screen_is_a_snapshot(cli: Cli) -> None:
    ended = cli("--sim", "bare")
    assert (ended.code, ended.err) == (Exit.OK, "")
    assert "0000:01:00.0" in ended.out


_SCREEN = """
import sys
from backend.cli.main import run

def screen(doors, settings):
    print(doors.source.detail, settings.theme, settings.mouse, settings.glyphs, settings.interval, flush=True)
    return 7

sys.exit(run(["--sim", "bare", "--theme", "light", "--no-mouse", "--ascii", "-d", "2"], screen))
"""


@pytest.mark.parametrize(("term", "code"), [("xterm-256color", 7), ("dumb", 0), ("", 0)])
def test_on_a_terminal_the_screen_opens(term: str, code: int) -> None:
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", _SCREEN], cwd="/", env=environment(TERM=term), stdin=theirs, stdout=theirs
        )
        os.close(theirs)
        out = b""
        with contextlib.suppress(OSError):  # EIO: the other end is closed
            while part := os.read(ours, 4096):
                out += part
        assert process.wait(20) == code
    finally:
        os.close(ours)
    assert (b"bare light False ascii 2.0" in out) == (code == 7)
    assert (b"SIMULATED" in out) == (code == 0)
