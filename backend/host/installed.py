"""Where the command iovtop lies, for what starts it later."""

from __future__ import annotations

import os
import shutil
import sys

_PLACES = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"


def program() -> str:
    """Return the path of the command: the system's own, or the one beside this Python; "" where there is none."""
    beside = os.path.join(os.path.dirname(sys.executable), "iovtop")
    return shutil.which("iovtop", path=_PLACES) or (beside if os.access(beside, os.X_OK) else "")
