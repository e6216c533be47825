"""Starting programs that outlive whoever starts them, and ending them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence

_TERM_SECONDS = 5.0
_LOOK_AGAIN = 0.05


def own_scope(description: str) -> list[str]:
    """Return what gives a program a scope of its own, which the end of a login does not end; [] without systemd."""
    program = shutil.which("systemd-run")
    if program is None or not os.path.isdir("/run/systemd/system"):
        return []
    own = [] if os.geteuid() == 0 else ["--user"]
    return [program, *own, "--scope", "--quiet", "--collect", f"--description={description}"]


class LinuxPrograms:
    """Programs of this machine."""

    def start(self, words: Sequence[str], *, log: str, folder: str) -> int:
        """Start a program in a session and scope of its own; return its process."""
        with open(log, "ab") as output:
            os.fchmod(output.fileno(), 0o600)
            process = subprocess.Popen(
                [*own_scope(f"iovtop: {os.path.basename(words[0])}"), *words], stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, start_new_session=True, cwd=folder,
            )  # fmt: skip
        pid = process.pid
        process.returncode = 0  # nobody waits for it: it outlives us
        return pid

    def end(self, pid: int) -> None:
        """End a program that was started here, by force when it does not want to. Takes up to some seconds."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                return
            until = time.monotonic() + _TERM_SECONDS
            while time.monotonic() < until:
                if _gone(pid):
                    return
                time.sleep(_LOOK_AGAIN)


def _gone(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False
