"""The command ``iovtop``."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from backend.cli.settings import Settings
    from backend.host.doors import HostDoors
    from backend.recording.replay import Replay


def main() -> NoReturn:
    """Run iovtop and end the process with its exit code.

    The end is immediate: the kernel frees a host of ten thousand records faster than the interpreter would,
    and no thread that still waits for something can hold it up.
    """
    closed = _open_streams()
    if closed:
        sys.stderr.write("iovtop: standard output is closed: there is nowhere to print\n")
    code = 2 if closed else _run()
    with suppress(OSError):  # told already
        sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _open_streams() -> bool:
    """Put /dev/null in the place of standard streams that are closed; return whether standard output was.

    Otherwise the first files that are opened would be taken for them.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    closed = sys.stdout is None
    sys.stdin = sys.stdin or open(0, encoding="utf-8")  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8")  # noqa: SIM115
    return closed


def _run() -> int:
    if sys.argv[1:] == ["--version"]:
        return _tell_version()
    import gc

    gc.disable()
    from backend.cli.main import run

    gc.freeze()  # what is loaded stays: nothing of it is garbage to look for, neither now nor later
    gc.enable()
    return run(sys.argv[1:], _open_screen)


def _tell_version() -> int:
    """Print the version before anything else is imported: scripts ask this often."""
    from backend import __version__

    try:
        sys.stdout.write(f"iovtop {__version__}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        return 141
    except OSError as error:
        sys.stderr.write(f"iovtop: standard output cannot be written: {error.strerror}\n")
        return 7
    return 0


def _open_screen(shown: HostDoors | Replay, settings: Settings) -> int:
    import gc

    gc.disable()  # until the first picture: nothing of what is loaded and read for it goes away again
    from tui.term.link import prepare

    settings, slow = prepare(settings, os.environ)
    from tui.run import run_app

    return run_app(shown, settings, slow=slow)


if __name__ == "__main__":
    main()
