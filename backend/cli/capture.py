"""``iovtop capture``: record a host in a file that can be sent and opened elsewhere."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

from backend.cli.exits import CommandError, Exit
from backend.host.doors import HostDoors
from backend.model.figures import bytes_text

if TYPE_CHECKING:
    from backend.capture.redact import Redactor


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument("file", metavar="FILE", help="archive to write, as in host.tar.gz; - for standard output")
    parser.add_argument("--redact", action="store_true", help="replace what identifies the host and its guests")
    parser.add_argument("--force", action="store_true", help="overwrite FILE")


def run(doors: HostDoors, options: argparse.Namespace) -> Exit:
    """Record the host."""
    if options.file == "-":
        if sys.stdout.isatty():
            raise CommandError("an archive is not for a terminal: name a file, or redirect standard output")
        _record(doors, sys.stdout.buffer, redact=options.redact)
        return Exit.OK
    path = Path(options.file)
    if path.exists() and not options.force:
        raise CommandError(f"{path} is there already: name another file, or add --force")
    if not path.absolute().parent.is_dir():
        raise CommandError(f"{path.absolute().parent}: no such directory")
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with scratch.open("xb") as file:
            _record(doors, file, redact=options.redact)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}; nothing was kept") from error
    finally:
        scratch.unlink(missing_ok=True)
    sys.stderr.write(f"{path}: {bytes_text(path.stat().st_size)}\n")
    return Exit.OK


def _record(doors: HostDoors, file: IO[bytes], *, redact: bool) -> None:
    import asyncio

    asyncio.run(_write(doors, file, redact=redact))


async def _write(doors: HostDoors, file: IO[bytes], *, redact: bool) -> None:
    from backend import __version__
    from backend.capture.archive import Archive
    from backend.capture.inventory import FORMAT
    from backend.capture.record import Recorder

    redactor = _redactor(doors) if redact else None
    name, kernel = doors.name(), _kernel(doors)
    archive = Archive(
        file,
        {
            "format": FORMAT,
            "iovtop": __version__,
            "taken_at": doors.clock.time(),
            "host": redactor.text(name) if redactor else name,
            "kernel": kernel,
            "uid": os.getuid(),
            "source": doors.source.kind,
            "redacted": redact,
        },
    )
    recorder = Recorder(doors)
    async for entry in recorder.entries():
        archive.add(redactor.entry(entry) if redactor else entry)
    notes = redactor.notes(recorder.notes) if redactor else recorder.notes
    archive.finish(notes, dict(redactor.replaced) if redactor else {})


def _redactor(doors: HostDoors) -> Redactor:
    from backend.capture.redact import Redactor

    users = set()
    for pid in doors.processes.pids() if doors.processes is not None else ():
        try:
            users.add(doors.processes.describe(pid).user if doors.processes is not None else "")
        except OSError:
            continue
    return Redactor.of(doors.files, doors.name(), sorted(users))


def _kernel(doors: HostDoors) -> str:
    try:
        return doors.files.read("/proc/sys/kernel/osrelease").decode("utf-8", "replace").strip()
    except OSError:
        return ""
