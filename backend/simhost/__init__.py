"""A simulated host: an in-memory kernel behind the doors of ``backend.host``, and scenarios for it.

    host = open_simulated("lab")
    host.files.list("/sys/bus/pci/devices")

Nothing here is imported until a host is opened.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backend.host.doors import Clock
    from backend.simhost.host import SimulatedHost

_PLACE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "scenarios")


class UnknownScenario(ValueError):
    """No scenario of that name, or no such option. The message says what there is."""


def open_simulated(spec: str, *, clock: Clock | None = None, privileged: bool = True) -> SimulatedHost:
    """Open the simulated host that ``spec`` names: ``lab``, ``duo:hv08``, ``scale:pfs=64,vfs=128``.

    Args:
        clock: the time it lives by; real time unless given.
        privileged: look at it as root, or as somebody to whom other users' processes are closed.

    Raises ``UnknownScenario``, and ``ScenarioError`` (also a ``ValueError``) for a file that is wrong.
    """
    from backend.simhost.open import open_spec

    return open_spec(spec, clock, privileged)


def scenario_names() -> list[str]:
    """Return the names of all scenarios, sorted."""
    return sorted(scenario_files())


def scenario_files() -> dict[str, dict[str, str]]:
    """Return scenario → host → file. A scenario of one host calls it "" (``lab.toml``, ``duo.hv07.toml``)."""
    found: dict[str, dict[str, str]] = {}
    for file in sorted(os.listdir(_PLACE)):
        name, extension = os.path.splitext(file)
        if extension == ".toml":
            scenario, _, host = name.partition(".")
            found.setdefault(scenario, {})[host] = os.path.join(_PLACE, file)
    return found
