"""Who runs this program: for the audit trail of what it changes."""

from __future__ import annotations

import contextlib
import os
import pwd
from pathlib import Path

from backend.model.operation import Who
from backend.model.text import clean

_NO_LOGIN = 0xFFFFFFFF
_ANCESTORS = 16


def caller() -> Who:
    """Return who asked: by the login that sudo does not change, by what sudo and ssh left in the environment.

    sudo clears the environment of what ssh said, so that the processes above are asked too, as far as they may be.
    """
    uid = os.geteuid()
    return Who(
        uid=uid,
        login_uid=_login_uid(),
        user=_user_name(uid),
        sudo_user=clean(os.environ.get("SUDO_USER", ""), 64),
        ssh_client=_ssh_client(),
        terminal=_terminal(),
    )


def _user_name(uid: int) -> str:
    try:
        return clean(pwd.getpwuid(uid).pw_name, 64)
    except KeyError:
        return str(uid)


def _login_uid() -> int | None:
    try:
        found = int(Path("/proc/self/loginuid").read_text())
    except (OSError, ValueError):
        return None
    return None if found == _NO_LOGIN else found


def _ssh_client() -> str:
    """Return address and port of the SSH client (SSH_CONNECTION begins with them)."""
    import psutil

    here = os.environ.get("SSH_CONNECTION", "")
    if not here:
        with contextlib.suppress(psutil.Error):
            for process in psutil.Process().parents()[:_ANCESTORS]:
                with contextlib.suppress(psutil.Error, OSError):
                    here = here or process.environ().get("SSH_CONNECTION", "")
    words = here.split()
    return clean(f"{words[0]} port {words[1]}", 96) if len(words) == 4 else ""


def _terminal() -> str:
    import psutil

    try:
        return clean(psutil.Process().terminal() or "", 64)
    except (psutil.Error, OSError):
        return ""
