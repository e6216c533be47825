"""The state of a device that nobody holds: saved to a file, and given back from one. Runs where it may block."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import BinaryIO

from backend.host.vfio.device import VfioDevice
from backend.host.vfio.uapi import Migration, State
from backend.model.devstate import About
from backend.model.statefile import BadStateFile, check_state, read_state, write_state


def save_state(path: str, about: About) -> None:
    """Save the state of a device to a new file, for root only. Raises ``OSError``; EEXIST where there is one.

    The file gets its name once it is whole.
    """
    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    beside = f"{folder}/.{os.path.basename(path)}.{os.getpid()}"
    try:
        with _made(beside) as file:
            with VfioDevice(about.device) as device:
                _must_stop_copy(device, about.device)
                if (state := device.state) is not State.RUNNING:
                    raise OSError(errno.EPROTO, f"a migration left it in {state.name}", about.device)
                write_state(file, about, device.save())
            file.flush()
            os.fsync(file.fileno())
        os.link(beside, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)
    parent = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


def restore_state(path: str, about: About, name: str) -> None:
    """Give a device the state of a file, once all of the file was checked. Raises ``OSError``.

    EINVAL, and nothing was opened, for a file that is damaged, or not the one that ``about`` tells of. A device that
    does not take a state is reset.
    """
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        try:
            header = check_state(file)
        except BadStateFile as error:
            raise OSError(errno.EINVAL, f"{error}; the device was not touched", path) from error
        if header.about != about:
            raise OSError(errno.EINVAL, "it is another one than was looked at; the device was not touched", path)
        with VfioDevice(name) as device:
            _must_stop_copy(device, name)
            if device.state is not State.RUNNING:
                device.reset()
            device.restore(read_state(file))


def _made(path: str) -> BinaryIO:
    return open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "r+b")


def _must_stop_copy(device: VfioDevice, name: str) -> None:
    if Migration.STOP_COPY not in device.migration:
        raise OSError(errno.EOPNOTSUPP, "its driver cannot save or take a state", name)
