"""Ways to an agent in a process of its own: a child of ours, or one that sudo or pkexec makes root."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from backend.agent.client import AgentOperator
from backend.agent.links import PipeLink
from backend.ops.errors import AgentError

Ask = Callable[[], AbstractContextManager[None]]
"""Gives the terminal to whoever asks for a password there, for as long as the context lasts."""


PATIENCE = 180.0
"""Seconds that an agent may take to start, on a machine that has a lot to do. One that ends is noticed at once."""

_children: set[int] = set()


async def spawn(command: Sequence[str], *, session: bool = False, group: bool = True) -> PipeLink:
    """Start a program and return the end that leads to its standard streams. Raises ``AgentError``.

    It is never killed and never waited for. What it says on standard error comes the same way: that is how we know
    why an agent did not start.

    Args:
        session: whether it begins a session of its own, without our terminal.
        group: whether what is typed on the terminal (Ctrl-C) is kept from it. It cannot ask for a password then.
    """
    _reap()
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    try:
        _children.add(_start(command, theirs_in, theirs_out, session=session, group=group))
    except OSError as error:
        os.close(ours_in)
        os.close(ours_out)
        raise AgentError(f"{command[0]} cannot be started: {error.strerror}") from error
    finally:
        os.close(theirs_in)
        os.close(theirs_out)
    return await PipeLink.on(ours_in, ours_out)


def _start(command: Sequence[str], incoming: int, outgoing: int, *, session: bool, group: bool) -> int:
    streams = [(os.POSIX_SPAWN_DUP2, incoming, 0), *((os.POSIX_SPAWN_DUP2, outgoing, stream) for stream in (1, 2))]
    if session:
        return os.posix_spawn(command[0], list(command), os.environ, file_actions=streams, setsid=True)
    if group:
        return os.posix_spawn(command[0], list(command), os.environ, file_actions=streams, setpgroup=0)
    return os.posix_spawn(command[0], list(command), os.environ, file_actions=streams)


def _reap() -> None:
    """Collect the children that have ended."""
    for pid in list(_children):
        with contextlib.suppress(ChildProcessError):
            if os.waitpid(pid, os.WNOHANG)[0] == 0:
                continue
        _children.discard(pid)


async def as_child(command: Sequence[str]) -> AgentOperator:
    """Start an agent with the rights that we have. Raises ``AgentError``."""
    return await AgentOperator.on(await spawn(command, session=True), PATIENCE)


@dataclass(frozen=True, slots=True)
class Elevation:
    """A program that makes another root."""

    quiet: tuple[str, ...]
    """Put before the other's command where nobody can be asked for a password."""
    asking: tuple[str, ...]
    """The same where somebody can."""
    remedy: str
    """What to do when it does not."""


def find_elevation() -> Elevation:
    """Return this machine's: sudo, or else pkexec. Raises ``AgentError`` where there is neither."""
    if sudo := shutil.which("sudo"):
        remedy = "run iovtop as root, type `sudo -v` first, or let sudoers name the agent"
        return Elevation((sudo, "-n", "--"), (sudo, "--"), remedy)
    if pkexec := shutil.which("pkexec"):
        remedy = "run iovtop as root, or let polkit allow the agent"
        return Elevation((pkexec, "--disable-internal-agent"), (pkexec,), remedy)
    raise AgentError("the agent must be root, and there is no sudo here", "run iovtop as root")


async def as_root(elevation: Elevation, command: Sequence[str], ask: Ask | None) -> AgentOperator:
    """Start an agent as root. Raises ``AgentError`` with what the program said that should make it so.

    Args:
        ask: how somebody can be asked for a password; None where nobody can.
    """
    try:
        # In our session: what sudo remembers, it remembers for a terminal.
        return await AgentOperator.on(await spawn([*elevation.quiet, *command]), PATIENCE)
    except AgentError as error:
        if ask is None:
            raise AgentError(f"the agent must be root, and {error}", elevation.remedy) from error
    with ask():
        return await AgentOperator.on(await spawn([*elevation.asking, *command], group=False))
