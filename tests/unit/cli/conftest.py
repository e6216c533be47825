"""The command, run in this process."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from backend.cli.main import run
from backend.cli.settings import Settings
from backend.host.doors import HostDoors
from backend.recording.replay import Replay


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str


Cli = Callable[..., Ended]


def _no_screen(shown: HostDoors | Replay, settings: Settings) -> int:
    raise AssertionError("the screen was opened")


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cli]:
    """Return the function that runs iovtop with arguments; only for simulated hosts, which need no child process."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("TERM", "xterm")

    def call(*arguments: str) -> Ended:
        try:
            code = run(arguments, _no_screen)
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        captured = capsys.readouterr()
        return Ended(int(code), captured.out, captured.err)

    yield call
    gc.enable()


@pytest.fixture
def bare(cli: Cli, tmp_path: Path) -> Cli:
    """Run command lines one after the other on one simulated host whose PF ``eno1`` has four VFs that nobody holds."""

    def call(*lines: str) -> Ended:
        file = tmp_path / "commands"
        file.write_text("\n".join(lines))
        return cli("--sim", "bare", "do", str(file))

    return call
