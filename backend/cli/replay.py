"""``iovtop replay``: a recording on the screen, or what is in it as text or JSON."""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.cli.amounts import parse_moment
from backend.cli.exits import CommandError, Exit
from backend.cli.output import write_json
from backend.host.doors import HostDoors
from backend.recording.frames import BadRecording
from backend.recording.recording import Recording
from backend.report.document import timestamp

if TYPE_CHECKING:
    from backend.cli.settings import Settings
    from backend.model.host import Host
    from backend.recording.replay import Replay

SCHEMA = "iovtop.recording/1"
ENOUGH = 60.0
"""Seconds of a recording from which its size an hour can be told."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument("file", metavar="FILE", help="recording, as `iovtop record` makes it")
    parser.add_argument("--speed", type=float, default=1.0, metavar="N", help="recorded seconds that go by in one")
    at = "begin there: 22:13, 2026-11-26 22:13, +10m from its beginning, -90 before its end"
    parser.add_argument("--at", default="", metavar="TIME", help=at)
    parser.add_argument("--info", action="store_true", help="print what is in it, and what of it is lost")
    parser.add_argument("--format", choices=("text", "json"), help="print it so")
    parser.set_defaults(player=open_replay)


def open_replay(doors: HostDoors, options: argparse.Namespace, settings: Settings) -> Replay | None:
    """Return what plays the recording; None where it is only told of. Raises ``CommandError``."""
    if options.info or options.format:
        return None
    from backend.counters.all import meter_of
    from backend.recording.replay import Replay

    _check_speed(options)
    recording = _open(options.file)
    since = _since(recording, options)
    return Replay(recording, meter_of(doors).order, settings.thresholds, speed=options.speed, since=since)


def run(doors: HostDoors, options: argparse.Namespace) -> Exit:
    """Print what is in the recording."""
    _check_speed(options)
    recording = _open(options.file)
    try:
        _since(recording, options)
        about = _about(recording)
    except BadRecording as error:
        raise CommandError(str(error), Exit.PARTIAL) from error
    finally:
        recording.close()
    if options.format == "json":
        write_json(about)
    else:
        sys.stdout.write("".join(f"{line}\n" for line in _lines(about)))
    return Exit.PARTIAL if any(not gap["torn"] for gap in about["gaps"]) else Exit.OK


def _check_speed(options: argparse.Namespace) -> None:
    from backend.recording.replay import SPEEDS

    if not SPEEDS[0] <= options.speed <= SPEEDS[-1]:
        raise CommandError(f"--speed {options.speed:g}: from {SPEEDS[0]:g} to {SPEEDS[-1]:g}")


def _since(recording: Recording, options: argparse.Namespace) -> float | None:
    """Return the time at which to begin; None where none was given. Raises ``CommandError``."""
    return parse_moment(options.at, "--at", recording.first, recording.last) if options.at else None


def _open(name: str) -> Recording:
    try:
        return Recording(Path(name))
    except BadRecording as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"cannot read {name}: {error.strerror or error}") from error


def _about(recording: Recording) -> dict[str, Any]:
    """Return what is in a recording: of the host and what was measured, what its first segment tells."""
    host: Host | None = None
    subjects: set[str] = set()
    sets: dict[str, str] = {}
    for moment in recording.first_segment():
        host = moment.host
        subjects |= {reading.subject for reading in moment.readings}
        sets |= {reading.set.id: reading.set.source for reading in moment.readings}
    assert host is not None
    functions = len({str(name) for name in host.devices} & subjects)
    seconds = recording.last - recording.first
    rate = round(recording.size / functions / seconds * 3600) if functions and seconds >= ENOUGH else None
    return {
        "schema": SCHEMA,
        "file": str(recording.path),
        "host": host.name,
        "kernel": host.kernel,
        "source": host.source,
        "simulated": host.simulated,
        "first": timestamp(recording.first),
        "last": timestamp(recording.last),
        "seconds": round(seconds, 3),
        "moments": recording.frames,
        "devices": len(host.devices),
        "measured": functions,
        "counters": sets,
        "bytes": recording.size,
        "bytes_per_function_and_hour": rate,
        "ended": recording.ended,
        "gaps": [{"from": gap.offset, "to": gap.end, "torn": gap.torn} for gap in recording.gaps],
    }


def _lines(about: dict[str, Any]) -> Iterator[str]:
    mark = "SIMULATED " if about["simulated"] else ""
    yield f"{about['file']}: recording of {mark}{about['host']}, kernel {about['kernel'] or 'unknown'}"
    yield f"  from      {_local(about['first'])}"
    yield f"  to        {_local(about['last'])}, {about['moments']} moments in {about['seconds']:.0f} s"
    yield f"  devices   {about['devices']}, {about['measured']} of them measured in its first segment"
    rate = about["bytes_per_function_and_hour"]
    share = f", {rate / 1000:.1f} kB a function and hour" if rate is not None else ""
    yield f"  size      {about['bytes'] / 1000:.0f} kB{share}"
    for name, source in about["counters"].items():
        yield f"  {name:<13} {source}"
    for gap in about["gaps"]:
        what = "cut off here: what was being written is lost" if gap["torn"] else "damaged: left out"
        yield f"  bytes {gap['from']} to {gap['to']}: {what}"
    if not about["ended"] and not about["gaps"]:
        yield "  it was not ended: it is still being made, or was cut off between two moments"


def _local(moment: str) -> str:
    return datetime.datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S")
