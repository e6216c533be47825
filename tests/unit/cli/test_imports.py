"""What a command may load: what it does not need costs nothing."""

from __future__ import annotations

import pytest

from backend import __version__
from tests.unit.cli.running import iovtop, script

_RUN = """
import atexit, os, sys

def tell(code=0):
    print(*sorted(sys.modules), file=sys.stderr, flush=True)
    leave(code)

leave, os._exit = os._exit, tell
atexit.register(tell)
from tui.__main__ import main
sys.exit(main())
"""


def loaded(*arguments: str) -> set[str]:
    """Return the modules that a command loaded."""
    ended = script(_RUN, *arguments)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout
    modules = set(ended.stderr.split())
    assert "tui.__main__" in modules
    return modules


_FIRST_FRAME = """
import os, sys

def tell():
    print(*sys.modules, flush=True)
    os._exit(0)

from backend.cli.main import parse
from backend.cli.open_host import open_host
from backend.cli.settings import load_settings
open_host(parse(["--no-restore"]))
import tui.run
from tui.term.capabilities import detect
tui.run.IovtopApp(tell, load_settings(), detect()).run(headless=True)
"""


def test_the_version_costs_nothing() -> None:
    modules = loaded("--version")
    assert not modules & {"msgspec", "argparse", "textual", "rich", "asyncio", "psutil", "backend.cli", "backend.host"}
    assert iovtop("--version").stdout == f"iovtop {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [["snapshot"], ["snapshot", "--format", "json"], ["doctor"], ["watch", "--count", "0"], []],
    ids=" ".join,
)
def test_no_command_without_a_screen_loads_one(arguments: list[str]) -> None:
    modules = loaded("--sim", "bare", *arguments)
    roots = {name.partition(".")[0] for name in modules}
    assert not roots & {"textual", "rich", "themes"}
    assert not {name for name in modules if name.startswith("tui.") and name != "tui.__main__"}


def test_a_snapshot_needs_no_event_loop_and_no_simulated_host() -> None:
    modules = loaded("snapshot")
    assert not modules & {"asyncio", "backend.simhost", "pyudev", "argparse.textual"}
    assert "backend.cli.watch" not in modules


def test_the_first_frame_needs_no_records_of_a_host() -> None:
    ended = script(_FIRST_FRAME)
    modules = set(ended.stdout.split())
    assert {"tui.screens.opening", "textual.screen"} <= modules, ended.stderr
    assert not {name for name in modules if name.startswith(("backend.probe", "backend.state.", "backend.findings"))}
    assert not modules & {"backend.model.device", "backend.model.links", "backend.host.doors", "tui.screens.main"}
    assert not modules & {"msgspec", "hashlib", "psutil", "pyudev", "pyroute2", "qemu"}
