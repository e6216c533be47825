"""The command ``iovtop``."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from backend.cli.settings import Settings
    from backend.host.doors import HostDoors


def main() -> NoReturn:
    """Run iovtop and end the process with its exit code.

    The end is immediate: the kernel frees a host of ten thousand records faster than the interpreter would,
    and no thread that still waits for something can hold it up.
    """
    code = _run()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _run() -> int:
    if sys.argv[1:] == ["--version"]:
        # Answered before anything else is imported: scripts ask this often.
        from backend import __version__

        sys.stdout.write(f"iovtop {__version__}\n")
        return 0
    from backend.cli.main import run

    return run(sys.argv[1:], _open_screen)


def _open_screen(doors: HostDoors, settings: Settings) -> int:
    from tui.app import run_app

    return run_app(doors, settings)


if __name__ == "__main__":
    main()
