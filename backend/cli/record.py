"""``iovtop record``: what a host is and does, written down at an interval until it is interrupted."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from backend.cli.amounts import parse_bytes, parse_seconds
from backend.cli.exits import CommandError, Exit
from backend.cli.snapshot import parse_filter
from backend.host.doors import HostDoors

if TYPE_CHECKING:
    from backend.model.delta import Delta
    from backend.present.filter import Query
    from backend.recording.recorder import Recorder
    from backend.state.live import Live

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument("file", metavar="FILE", help="recording to make; `iovtop replay FILE` plays it")
    parser.add_argument("--interval", default="1", metavar="TIME", help="between two readings, from 1 s to 1 h")
    parser.add_argument("--for", dest="span", default="", metavar="TIME", help="how long (default: until ^C)")
    parser.add_argument("--only", default="", metavar="QUERY", help="measure only functions that match, as --filter")
    parser.add_argument("--limit", default="", metavar="SIZE", help="never more on the disk: the oldest goes first")
    parser.add_argument("--force", action="store_true", help="overwrite FILE")


def run(doors: HostDoors, options: argparse.Namespace) -> Exit:
    """Record until interrupted."""
    from backend.recording.recorder import LEAST_LIMIT, Recorder

    path = Path(options.file)
    interval = parse_seconds(options.interval, "--interval")
    if not 1 <= interval <= 3600:
        raise CommandError(f"--interval {options.interval}: from 1 second to 1h")
    span = parse_seconds(options.span, "--for") if options.span else None
    limit = parse_bytes(options.limit, "--limit") if options.limit else None
    if limit is not None and limit < LEAST_LIMIT:
        raise CommandError(f"--limit {options.limit}: at least {LEAST_LIMIT >> 20}M")
    query = parse_filter(options.only, "--only")
    if doors.source.kind == "capture":
        raise CommandError("a capture is one moment, in which nothing moves: there is nothing to record")
    try:
        recorder = Recorder(path, doors.clock, limit, replacing=options.force)
    except FileExistsError:
        raise CommandError(f"{path} is there already: name another file, or add --force") from None
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}; nothing was recorded") from error
    return asyncio.run(_record(doors, recorder, path, query, interval, span))


async def _record(
    doors: HostDoors, recorder: Recorder, path: Path, query: Query | None, interval: float, span: float | None
) -> Exit:
    from backend.state.live import Live

    began = time.time()
    live = Live(doors, interval, histories=False)
    live.measure_all = query is None
    live.listen_to_readings(recorder.listen)
    task = asyncio.create_task(_follow(live, recorder, query))
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, task.cancel)
    ended = False
    sys.stderr.write(f"recording into {path}; ctrl+c ends it\n")
    try:
        with contextlib.suppress(TimeoutError, asyncio.CancelledError):
            await asyncio.wait_for(task, span)
        ended = True
    except OSError as error:
        if not recorder.ticks:
            raise
        sys.stderr.write(f"iovtop: {path}: {error.strerror or error}: what was recorded so far is kept\n")
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
        live.close()
        recorder.close(ended=ended)
    sys.stderr.write(f"{path}: {_summary(recorder, time.time() - began)}\n")
    return Exit.OK if ended else Exit.FAILED


async def _follow(live: Live, recorder: Recorder, query: Query | None) -> None:
    async with contextlib.aclosing(live.deltas()) as deltas:
        async for delta in deltas:
            if query is not None:
                live.visible = _chosen(delta, query)
            recorder.tick(delta)
            if recorder.ticks == 1:
                gc.freeze()  # the first picture is most of what there will ever be, and it stays


def _chosen(delta: Delta, query: Query) -> frozenset[str]:
    host = delta.new
    return frozenset(str(device.id) for device in host.devices.values() if query.matches(host, device))


def _summary(recorder: Recorder, seconds: float) -> str:
    functions = sum(":" in subject and not subject.startswith("pid:") for subject in recorder.subjects)
    said = f"{recorder.ticks} ticks of {functions} functions, {recorder.size / 1000:.0f} kB"
    if not functions or seconds < 60:
        return said
    return f"{said}; {recorder.written / functions / seconds * 3.6:.1f} kB a function and hour"
