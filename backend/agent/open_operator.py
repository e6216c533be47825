"""The one way to whoever changes a host: in this process for a simulated one, by an agent that is root for this one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from backend.agent.client import AgentOperator
from backend.agent.inprocess import in_process
from backend.agent.transports import Ask, as_child, as_root, find_elevation
from backend.host.caller import caller
from backend.host.doors import HostDoors
from backend.ops.errors import ReadOnly
from backend.ops.journal import simulated_journal
from backend.ops.operator import LocalOperator

INSTALLED = "/usr/libexec/iovtop"
"""Where a package puts ``backend/agent/packaging/agent`` and ``agent-write``, for sudoers and polkit to name."""

_PROGRAM = str(Path(__file__).with_name("__main__.py"))


async def open_operator(doors: HostDoors, *, write: bool = True, ask: Ask | None = None) -> AgentOperator:
    """Return the operator for a host. Raises ``OperationError``: a sentence and what to do.

    Args:
        write: without it nothing can be changed: it plans, and shows the journal.
        ask: how sudo can ask for a password on this terminal; None where it cannot.
    """
    if doors.source.kind == "simulated":
        return await in_process(LocalOperator(doors, simulated_journal(doors), caller()), doors, write=write)
    if doors.source.kind != "live":
        what = "a capture" if doors.source.kind == "capture" else "a tree of files"
        raise ReadOnly(f"{what} cannot be changed", "without --capture, --sysfs and --procfs iovtop works on this host")
    command = agent_command(write=write)
    if os.geteuid() == 0:
        return await as_child(command)
    return await as_root(find_elevation(), command, ask)


def agent_command(*, write: bool) -> list[str]:
    """Return what starts the agent: what a package installed for it to be named by, or this very program."""
    name = "agent-write" if write else "agent"
    if os.access(os.path.join(INSTALLED, name), os.X_OK):
        return [os.path.join(INSTALLED, name)]
    return [sys.executable, "-I", _PROGRAM, *(["--write"] if write else [])]
