"""``iovtop record`` and ``replay`` as commands."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from backend.recording.recording import Recording
from tests.unit.cli.conftest import Cli

ROOT = Path(__file__).parents[3]


def test_a_recording_is_made_and_told_of(cli: Cli, tmp_path: Path) -> None:
    file = str(tmp_path / "r")
    ended = cli("--sim", "duo", "record", file, "--for", "3")
    assert ended.code == 0, ended.err
    assert "ticks of 18 functions" in ended.err
    assert ended.out == ""
    told = cli("replay", file, "--info")
    assert told.code == 0
    assert "SIMULATED hv07" in told.out
    assert "rtnetlink IFLA_VF_STATS" in told.out
    about = json.loads(cli("replay", file, "--format", "json").out)
    assert about["schema"] == "iovtop.recording/1"
    assert about["simulated"] is True
    assert about["ended"] is True
    assert about["gaps"] == []
    assert about["measured"] == 18
    for wrong in (["--at", "25:99"], ["--speed", "0"]):
        for how in ([], ["--info"], ["--format", "json"]):  # no screen opens, and what was typed is wrong all the same
            refused = cli("replay", file, *wrong, *how)
            assert (refused.code, refused.out, wrong[0] in refused.err) == (2, "", True)


def test_only_what_was_chosen_is_measured(cli: Cli, tmp_path: Path) -> None:
    file = str(tmp_path / "r")
    assert cli("--sim", "duo", "record", file, "--for", "3", "--only", "vf held").code == 0
    about = json.loads(cli("replay", file, "--format", "json").out)
    assert 0 < about["measured"] < about["devices"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--interval", "0.1"], "from 1 second to 1h"),
        (["--interval", "soon"], "write seconds, or as in 10m"),
        (["--limit", "10k"], "at least 1M"),
        (["--limit", "much"], "write bytes, as in 200M"),
        (["--only", "no:such"], "--only"),
    ],
)
def test_wrong_words_are_refused_and_leave_no_file(cli: Cli, tmp_path: Path, arguments: list[str], words: str) -> None:
    ended = cli("--sim", "duo", "record", str(tmp_path / "r"), *arguments)
    assert ended.code == 2
    assert words in ended.err
    assert not (tmp_path / "r").exists()


def test_a_file_that_is_there_needs_force(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "r").write_text("mine")
    ended = cli("--sim", "duo", "record", str(tmp_path / "r"))
    assert ended.code == 2
    assert "is there already" in ended.err
    assert (tmp_path / "r").read_text() == "mine"
    assert cli("--sim", "duo", "record", str(tmp_path / "r"), "--for", "2", "--force").code == 0
    Recording(tmp_path / "r").close()


def test_what_is_no_recording_is_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("no")
    assert "not a recording" in cli("replay", str(tmp_path / "f"), "--info").err
    assert cli("replay", str(tmp_path / "f")).code == 2
    assert "No such file" in cli("replay", str(tmp_path / "none"), "--info").err


def test_damage_is_said_and_ends_as_partial(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "r"
    assert cli("--sim", "duo", "record", str(file), "--for", "3").code == 0
    raw = bytearray(file.read_bytes())
    raw[-200] ^= 1
    file.write_bytes(raw)
    ended = cli("replay", str(file), "--info")
    assert ended.code == 3
    assert "damaged: left out" in ended.out
    file.write_bytes(raw[: len(raw) // 2])
    ended = cli("replay", str(file), "--info")
    assert ended.code == 0
    assert "cut off here" in ended.out or "not ended" in ended.out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_a_recording_in_order(tmp_path: Path, number: signal.Signals) -> None:
    file = tmp_path / "r"
    command = [sys.executable, "-m", "tui", "--sim", "duo", "record", str(file)]
    child = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while not file.exists() or file.stat().st_size < 3000:
        assert child.poll() is None
        os.sched_yield()
    child.send_signal(number)
    _, said = child.communicate(timeout=30)
    assert child.returncode == 0, said
    recording = Recording(file)
    assert recording.ended
    recording.close()


def test_a_full_disk_keeps_what_was_recorded(tmp_path: Path) -> None:
    file = tmp_path / "r"
    script = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000)); from tui.__main__ import main; main()"
    )
    command = [sys.executable, "-c", script, "--sim", "duo", "record", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 7, done.stderr
    assert "what was recorded so far is kept" in done.stderr
    recording = Recording(file)
    assert not recording.gaps
    assert len(list(recording.moments())) == recording.frames > 1
    recording.close()
