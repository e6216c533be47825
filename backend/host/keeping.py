"""What root keeps besides /sys: settings files, and which kernel modules are loaded. Runs where it may block."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess


def save(path: str, data: bytes, mode: int) -> None:
    """Make or replace the file ``path`` as a whole: written beside it, synced, and moved into its place."""
    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o755, exist_ok=True)
    beside = f"{folder}/.{os.path.basename(path)}.{os.getpid()}"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            os.fchmod(descriptor, mode)
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(beside, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)
        raise
    parent = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


def load_module(name: str) -> None:
    """Load a module by modprobe(8), blacklists respected. Raises ``OSError`` with the errno that it tells of."""
    _run(["modprobe", "--use-blacklist", "--", name], name)


def enable_unit(name: str, *, on: bool) -> None:
    """Let systemd start a unit at boot, or no more, by systemctl(1). Raises ``OSError`` as ``load_module`` does."""
    _run(["systemctl", "--no-ask-password", "enable" if on else "disable", "--", name], name)


def _run(command: list[str], about: str) -> None:
    try:
        found = subprocess.run(
            command,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}, check=False,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise OSError(errno.ENOENT, f"there is no {command[0]}", about) from error
    if found.returncode:
        said = found.stderr.strip().splitlines()
        text = said[-1] if said else f"{command[0]} ended with {found.returncode}"
        raise OSError(_errno_of(text), text, about)


def _errno_of(text: str) -> int:
    if "not found" in text:
        return errno.ENOENT
    return next((code for code in errno.errorcode if text.endswith(os.strerror(code))), errno.EIO)
