"""The lab: a real Linux kernel with SR-IOV, VFIO and mdevs in a virtual machine.

``python -m tests.lab prepare | shell | run COMMAND | test``, or the Makefile's targets of these names.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.lab.accel import choose
from tests.lab.boot import Guest, boot
from tests.lab.machine import PROFILES
from tests.lab.parts import LabError, build_lab_kernel, missing_packages, prepare_kernel, prepare_qemu
from tests.lab.settings import Settings
from tests.lab.suite import run_suite

_FAULT = 125
"""Exit code of ``run`` where the lab itself failed, as with docker run."""

# Not a login shell, nor one with this machine's own settings: these could hide the checkout's iovtop.
_SHELL = r"export PS1='root@lab:\w# ' TERM={term}; exec bash --norc"


def main(arguments: Sequence[str]) -> int:
    """Run a command of the lab and return its exit code."""
    options = _parser().parse_args(arguments)
    # Asked to end, it ends its machines and removes their folders.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if options.command == "missing":
            print(*missing_packages())
            return 0
        settings = Settings.from_environment(os.environ)
        if missing := missing_packages(build_kernel=options.command == "prepare" and options.build_kernel):
            raise LabError(f"this machine lacks packages that the lab uses: apt install {' '.join(missing)}")
        match options.command:
            case "prepare":
                return _prepare(settings, build=options.build_kernel)
            case "test":
                return run_suite(settings, options.boot, options.pytest, at_once=options.at_once)
            case "captures":
                with _boot(settings, options) as guest:
                    return _capture(guest, Path(options.folder), options.name, settings.deadline)
            case "shell":
                with _boot(settings, options) as guest:
                    return guest.attach(_SHELL.format(term=shlex.quote(os.environ.get("TERM", "linux"))), _size())
            case _:
                with _boot(settings, options) as guest:
                    return guest.run(" ".join(options.script), _print, deadline=settings.deadline)
    except LabError as error:
        sys.stdout.flush()
        print(f"lab: {error}", file=sys.stderr)
        return _FAULT
    except KeyboardInterrupt:
        return 130


def _size() -> os.terminal_size:
    # shutil's would believe $COLUMNS, which may be of another terminal.
    try:
        return os.get_terminal_size()
    except OSError:
        return os.terminal_size((80, 24))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    prepare = commands.add_parser("prepare", help="download and build what the lab needs, once")
    prepare.add_argument("--build-kernel", action="store_true", help="build the lab kernel too (half an hour)")
    commands.add_parser("missing", help="print the Debian packages that this machine lacks")
    test = commands.add_parser("test", help="run the suite on the real kernels")
    test.add_argument("--boot", action="append", default=[], metavar="NAME", help="only this boot of the suite")
    test.add_argument("--at-once", type=int, default=2, metavar="N", help="boots that run side by side (default: 2)")
    test.add_argument("pytest", nargs="*", help="options for pytest in the guest (after --)")
    for name, help_text in (
        ("shell", "boot and give a shell"),
        ("run", "boot, run one command, end"),
        ("captures", "boot and capture the states of a host that tests use"),
    ):
        command = commands.add_parser(name, help=help_text)
        command.add_argument("--kernel", choices=("stock", "lab"), default="stock")
        command.add_argument("--profile", choices=tuple(PROFILES), default="full")
        if name == "captures":
            command.add_argument("folder", help="where the archives go")
            command.add_argument("name", nargs="*", help="a state of tests/lab/inside/states.py; all without any")
        if name == "run":
            command.add_argument("script", nargs="+", help="a shell command; exit code 125: the lab itself failed")
    return parser


def _prepare(settings: Settings, *, build: bool) -> int:
    qemu = prepare_qemu(settings)
    kernels = [prepare_kernel(settings, "stock")]
    if build:
        kernels.append(build_lab_kernel(settings))
    accel = choose(settings, qemu, kernels[0])
    print(f"lab: ready in {settings.cache}: QEMU {qemu.version} ({accel}), Linux {kernels[-1].version}")
    return 0


def _boot(settings: Settings, options: argparse.Namespace) -> Guest:
    qemu = prepare_qemu(settings)
    kernel = prepare_kernel(settings, options.kernel)
    accel = choose(settings, qemu, kernel)
    return boot(qemu, kernel, PROFILES[options.profile], accel=accel)


def _capture(guest: Guest, folder: Path, names: Sequence[str], deadline: float) -> int:
    command = f"python -m tests.lab.inside.states /lab/captures {' '.join(names)}"
    code = guest.run(command, _print, deadline=deadline)
    for archive in sorted((guest.shared / "captures").glob("*.tar.gz")):
        shutil.copyfile(archive, folder / archive.name)
    return code


def _print(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
