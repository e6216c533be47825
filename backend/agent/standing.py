"""An agent on its standard streams: it keeps them to itself, and does not die with a terminal."""

from __future__ import annotations

import asyncio
import os
import signal

from backend import __version__
from backend.agent.links import PipeLink
from backend.agent.server import Server
from backend.agent.verbs import VERBS
from backend.host.doors import HostDoors
from backend.model.text import clean
from backend.ops.operator import Operator

_IGNORED = (
    signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGPIPE
)  # fmt: skip
"""What a terminal sends to all that runs on it. The face says what it wants by itself."""


def serve_on_streams(doors: HostDoors, operator: Operator, *, write: bool, warning: str = "") -> None:
    """Serve the face on standard input and output until it goes, or somebody ends us with SIGTERM."""
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    incoming, outgoing = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    os.close(null)
    asyncio.run(_serve(doors, operator, write, warning, (incoming, outgoing)))


async def _serve(doors: HostDoors, operator: Operator, write: bool, warning: str, streams: tuple[int, int]) -> None:
    link = await PipeLink.on(*streams)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, link.close)
    server = Server(
        link, operator, VERBS if write else (), program=__version__, host=clean(doors.name()),
        source=doors.source.kind, warning=warning,
    )  # fmt: skip
    await server.serve()
