"""``iovtop do``: several commands one after the other, on one host, until one does not end well."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from backend.cli.exits import CommandError, Exit
from backend.host.doors import HostDoors


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument(
        "file", metavar="FILE", help="one command a line, as in 'numvfs ens1f0 4 --yes'; - = standard input"
    )


def run(doors: HostDoors, options: argparse.Namespace) -> Exit:
    """Do what the file says."""
    from backend.cli.main import parse

    for number, line in enumerate(_lines(options.file), 1):
        where = f"{options.file}, line {number}"
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise CommandError(f"{where}: {error}") from error
        if not words:
            continue
        if words[0].startswith("-") or words[0] == "do":
            raise CommandError(f"{where}: a line begins with a command other than `do`, not with {words[0]!r}")
        sys.stdout.write(f"# {line.strip()}\n")
        sys.stdout.flush()
        try:
            one = parse(words)
            code = Exit(one.run(doors, one))
        except CommandError as error:
            raise CommandError(f"{where}: {error}", error.code) from error
        if code is not Exit.OK:
            return code
    return Exit.OK


def _lines(file: str) -> list[str]:
    try:
        return (sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")).splitlines()
    except OSError as error:
        raise CommandError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{file}: cannot be read: it is no UTF-8 text ({error.reason})") from error
