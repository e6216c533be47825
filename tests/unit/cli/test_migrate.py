"""``why`` and ``migrate``, played on the two hosts of the scenario duo."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
DESTINATION = "/run/vm/web-2.in.qmp"


def words(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tui", "--sim", "duo", *arguments]


def iovtop(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words(*arguments),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def migrate(*arguments: str) -> list[str]:
    return ["migrate", "web-2", DESTINATION, "--to-sim", "duo:hv08", "--yes", *arguments]


@pytest.mark.parametrize(
    ("vm", "code", "text"),
    [
        ("web-2", 0, "web-2 (pid 20211, QEMU 10.0.2) can migrate live"),
        ("20211", 0, "web-2 (pid 20211"),
        ("fw-1", 1, "0000:c1:02.2: VFIO migration is not supported in kernel  (query-migrate)"),
        ("cache-1", 3, "libvirt owns its monitor"),
    ],
)
def test_why(vm: str, code: int, text: str) -> None:
    done = iovtop("why", vm)
    assert (done.returncode, done.stderr) == (code, "")
    assert text in done.stdout


def test_why_as_json() -> None:
    done = iovtop("why", "fw-1", "--format", "json")
    found = json.loads(done.stdout)
    assert (found["vm"], found["asked"], found["reasons"][0]["weight"]) == ("fw-1", True, "blocks")
    assert found["reasons"][0]["remedy"]


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["why", "wbe-2"], 5, "did you mean 'web-2'"),
        (["why", "web-2", "--qmp", "/nowhere"], 3, ""),
        (["migrate", "web-2", DESTINATION, "--to-sim", "duo:hv08"], 2, "add --yes where nobody can be asked"),
        (migrate("--bandwidth", "much"), 2, "--bandwidth much: write bytes a second, as in 200M or 1.5G"),
        (migrate("--downtime", "-1"), 2, "--downtime takes 0 to 2000000 milliseconds"),
        (migrate("--connections", "300"), 2, "--connections 300: write 1 to 255"),
        (migrate("--connections", "0"), 2, "--connections 0: write 1 to 255"),
        (migrate("--tls"), 2, "--tls goes with --uri tcp:HOST:PORT"),
        (migrate("--certificates", "/etc/pki/qemu"), 2, "--certificates goes with --tls"),
        (
            migrate("--tls", "--certificates", "/nowhere", "--uri", "tcp:127.0.0.1:0"),
            6,
            "nothing was started: object-add: Unable to access credentials /nowhere/ca-cert.pem",
        ),
        (["evacuate", "--tls", "--yes"], 2, "--tls goes with --to URI"),
        (migrate("--hold"), 2, "--hold waits for Enter"),
        (["migrate", "fw-1", DESTINATION, "--yes"], 6, "nothing was started"),
        (
            ["migrate", "cache-1", DESTINATION, "--yes"],
            2,
            "DEST is the URI of another one, as in qemu+ssh://HOST/system",
        ),
        (["migrate", "cache-1", "qemu+ssh://hv2/system", "--yes"], 2, "which this host is without: it is simulated"),
        (["compare", "web-2", "qemu+ssh://hv2/system"], 2, "DEST is the QMP socket of a QEMU that waits"),
        (["migrate", "web-2", "/nowhere", "--yes"], 6, "nothing was started"),
        (["migrate", "fw-1", DESTINATION, "--yes"], 6, "--strategy unplug is possible: the guest loses the devices"),
        (
            ["migrate", "web-2", DESTINATION, "--to-sim", "duo:hv08", "--yes", "--strategy", "failover"],
            6,
            "nothing was started: --strategy failover is not possible: 0000:c1:00.2: not paired with an emulated",
        ),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(arguments: list[str], code: int, text: str) -> None:
    done = iovtop(*arguments)
    assert done.returncode == code, done
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_it_moves() -> None:
    done = iovtop(*migrate("--bandwidth", "4G", "--downtime", "500"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("SIMULATED: ")
    assert "web-2 runs on the destination now" in done.stdout
    assert "the guest stood still for " in done.stdout


def test_it_moves_over_several_connections_encrypted() -> None:
    done = iovtop(*migrate("--connections", "4", "--tls", "--uri", "tcp:127.0.0.1:0", "--bandwidth", "4G"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "web-2 runs on the destination now" in done.stdout


def test_every_event_as_a_line_of_json() -> None:
    done = iovtop(*migrate("--bandwidth", "4G", "--downtime", "500", "--format", "json"))
    lines: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert all("progress" in line for line in lines[:-1])
    assert {line["source"] for line in lines} == {"simulated"}
    assert lines[-1]["verdict"]["where"] == "destination"
    device = [line["progress"]["device_sent"] for line in lines[:-1] if line["progress"]["device_sent"] is not None]
    assert device == sorted(device)
    assert device[-1] > 0


def _interrupted(arguments: list[str], *, after: bytes) -> tuple[int, bytes]:
    """Run on a terminal, send Ctrl-C once ``after`` is shown; return exit code and everything shown."""
    control, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    process = subprocess.Popen(
        words(*arguments), cwd=ROOT, stdin=terminal, stdout=terminal, stderr=terminal, env=environment
    )
    os.close(terminal)
    shown, sent, until = b"", False, time.monotonic() + 50
    while time.monotonic() < until:
        try:
            part = os.read(control, 65536)
        except OSError:
            break
        shown += part
        if not sent and after in shown:
            sent = True
            process.send_signal(signal.SIGINT)
    os.close(control)
    return process.wait(10), shown


def test_ctrl_c_cancels_and_waits_for_the_verdict() -> None:
    code, shown = _interrupted(migrate("--bandwidth", "50M"), after=b"pass 1")
    assert code == 7
    text = shown.decode()
    assert "cancelling; waiting to hear where the VM runs" in text
    assert "web-2 runs on the source: nothing moved: it was cancelled" in text


def test_the_question_says_what_is_simulated_and_a_held_one_what_enter_does() -> None:
    code, shown = _interrupted([word for word in migrate() if word != "--yes"], after=b"[y/N]")
    assert code == 130
    assert shown.index(b"SIMULATED: scenario duo") < shown.index(b"[y/N]")
    assert shown.count(b"SIMULATED") == 1
    code, shown = _interrupted(migrate("--hold", "--bandwidth", "50M"), after=b"pass 1")
    assert (code, b"iovtop: Enter switches over" in shown) == (7, True)


def test_no_job_outlives_a_simulated_host() -> None:
    done = iovtop(*migrate("--bandwidth", "4G", "--detach"))
    assert done.returncode == 2
    assert "a simulated host ends with this command, and so would its migration" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ([], 0, "there are no jobs"),
        (["watch", "7"], 5, "there is no job 7; `iovtop jobs` lists them"),
        (["set", "7", "--bandwidth", "x"], 5, "there is no job 7"),
        (["cancel"], 2, "ID"),
    ],
)
def test_jobs_that_are_not_there(arguments: list[str], code: int, text: str) -> None:
    done = iovtop("jobs", *arguments)
    assert done.returncode == code, done
    assert text in done.stdout + done.stderr
