"""Private namespaces: nothing that is mounted or made there outlives the run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench.report import Skip

_INSIDE = "IOVTOP_BENCH_NAMESPACE"
_PREFIX = ("unshare", "--mount", "--propagation", "private")
# $0 is the tree. The machine's own processors and nodes stay visible: some tools start with them.
_MOUNT_AND_RUN = 'mount --bind /sys/devices/system "$0/devices/system" && mount --rbind "$0" /sys && exec "$@"'


def inside() -> bool:
    """Return whether this process runs in its own mount namespace."""
    return os.environ.get(_INSIDE) == "1"


def why_not() -> str:
    """Return why no namespace can be made here; "" if one can."""
    if os.geteuid() != 0:
        return "needs root, for a private mount namespace"
    if shutil.which("unshare") is None:
        return "unshare is not installed"
    done = subprocess.run([*_PREFIX, "true"], capture_output=True, text=True, check=False)
    return done.stderr.strip() if done.returncode else ""


def enter(module: str, arguments: Sequence[str]) -> None:
    """Start ``python -m MODULE ARGUMENTS`` anew in a private mount namespace, in place of this process."""
    environment = {**os.environ, _INSIDE: "1"}
    argv = [*_PREFIX, sys.executable, "-m", module, *arguments]
    sys.stdout.flush()
    os.execvpe(argv[0], argv, environment)


def on_sys(tree: Path, argv: Sequence[str]) -> list[str]:
    """Return the command that runs ``argv`` where ``tree`` is /sys.

    Raises:
        Skip: this process has no mount namespace of its own.
    """
    if not inside():
        raise Skip(why_not() or "not in a private mount namespace")
    return [*_PREFIX, "sh", "-c", _MOUNT_AND_RUN, str(tree), *argv]
