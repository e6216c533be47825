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
