"""``iovtop capture`` and ``--capture``."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from backend.cli.exits import Exit
from tests.unit.cli.conftest import Cli


def test_a_host_is_recorded_and_opened(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "host.tar.gz"
    ended = cli("--sim", "lab", "capture", str(file))
    assert (ended.code, ended.out) == (Exit.OK, "")
    assert ended.err == f"{file}: {file.stat().st_size / 1024:.0f} KiB\n"
    shown = cli("--capture", str(file), "snapshot")
    assert shown.code == Exit.OK
    assert shown.out.startswith("CAPTURE: host.tar.gz, a simulated host, taken ")
    assert "vm web-1" in shown.out
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".host")] == []


def test_what_is_there_is_not_overwritten_unasked(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "host.tar.gz"
    file.write_text("precious")
    ended = cli("--sim", "bare", "capture", str(file))
    assert ended.code == Exit.USAGE
    assert "--force" in ended.err
    assert file.read_text() == "precious"
    assert cli("--sim", "bare", "capture", "--force", str(file)).code == Exit.OK
    assert gzip.decompress(file.read_bytes())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--sim", "bare", "capture", "/nonexistent/x.tar.gz"], "/nonexistent: no such directory"),
        (["--sim", "bare", "capture", "/dev/full"], "--force"),
        (["--sim", "bare", "capture", "--force", "/proc/x"], "nothing was kept"),
        (["--capture", "/nonexistent", "snapshot"], "no such file or folder"),
        (["--capture", "/etc/hostname", "snapshot"], "not a capture"),
        (["--capture", "/", "snapshot"], "no capture.json in it"),
    ],
)
def test_errors_are_one_line(cli: Cli, arguments: list[str], words: str) -> None:
    ended = cli(*arguments)
    assert (ended.code, ended.out) == (Exit.USAGE, "")
    assert ended.err.count("\n") == 1
    assert words in ended.err


def test_a_redacted_capture_says_so_and_hides_names(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "host.tar.gz"
    assert cli("--sim", "lab", "capture", "--redact", str(file)).code == Exit.OK
    shown = cli("--capture", str(file), "snapshot")
    assert "redacted" in shown.out
    assert "web-1" not in shown.out
    assert "guest-1" in shown.out
    assert b"52:54:00" not in gzip.decompress(file.read_bytes())
