"""Accesses that may block for as long as a driver likes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from backend.model.devstate import About
    from backend.model.vfio import VfioLook


class StillWaiting(TimeoutError):
    """A guarded access that did not return in time. It goes on in the kernel and was left behind.

    Attributes:
        path: what was read or written.
        pid: the process that waits, 0 where nobody can tell.
        wchan: the kernel function it waits in (``/proc/PID/wchan``), "" when hidden.
        waited: seconds since it began.
    """

    def __init__(self, path: str, pid: int, wchan: str, waited: float) -> None:
        super().__init__(f"{path}: still waiting in the kernel after {waited:.1f} s (pid {pid}, {wchan or 'unknown'})")
        self.path = path
        self.pid = pid
        self.wchan = wchan
        self.waited = waited


class Guarded(Protocol):
    """Accesses that may block for as long as a driver likes.

    Each runs where it can be left behind: in a child process that holds none of our standard streams
    (real host), or as a waiting entry of the simulated kernel. Neither the event loop nor the end of
    the program ever waits for one.
    """

    async def read(self, path: str, *, deadline: float) -> bytes:
        """Read a whole file. Raises ``OSError`` as read(2) does, ``StillWaiting`` after ``deadline`` seconds."""
        ...

    async def write(self, path: str, data: bytes, *, deadline: float) -> None:
        """Write ``data`` with one write(2). Raises as ``read`` does.

        After ``StillWaiting`` the write has neither failed nor succeeded: the kernel still works on it.
        """
        ...

    async def load_module(self, name: str, *, deadline: float) -> None:
        """Load a kernel module as modprobe(8) does, unless the configuration forbids it. Raises as ``read`` does."""
        ...

    async def save(self, path: str, data: bytes, *, mode: int, deadline: float) -> None:
        """Make or replace a settings file outside /sys; its folders are made, too. Raises as ``read`` does.

        Whatever happens, the file is the old one or the new one, never a part of one.
        """
        ...

    async def delete(self, path: str, *, deadline: float) -> None:
        """Remove a settings file. Raises as ``read`` does."""
        ...

    async def enable_unit(self, name: str, on: bool, *, deadline: float) -> None:
        """Let systemd start a unit at boot, or no more. Raises as ``read`` does."""
        ...

    async def set_vf_token(self, pf: str, token: str, *, deadline: float) -> None:
        """Give a PF on vfio-pci the UUID that its users and those of its VFs have to know. Raises as ``read`` does."""
        ...

    async def look_at(self, device: str, *, deadline: float) -> VfioLook:
        """Open a device by VFIO, ask what it is, and close it. Raises as ``read`` does.

        A PCI function is reset when it is opened and closed. ``ENOENT`` without a VFIO driver, ``EBUSY`` when somebody
        has it or its group, ``EPERM`` for a group that is not viable, ``EACCES`` where a VF token is wanted.
        """
        ...

    async def save_state(self, path: str, about: About, *, deadline: float) -> None:
        """Save the state of an mdev that nobody holds to a new file. Raises as ``read`` does.

        ``EEXIST`` where there is one, ``EBUSY`` when somebody has the device, ``ENOTTY`` or ``EOPNOTSUPP`` where its
        driver cannot, ``EPROTO`` when a migration left it in another state than RUNNING.
        """
        ...

    async def restore_state(self, path: str, about: About, device: str, *, deadline: float) -> None:
        """Give an mdev that nobody holds the state of a file. Raises as ``save_state`` does.

        ``EINVAL``, and nothing was touched, for a file that is damaged or not the one that ``about`` tells of. A device
        that does not take the state is reset, and the driver's own errno comes back.
        """
        ...

    def waiting(self) -> tuple[StillWaiting, ...]:
        """Return the accesses that were left behind and still go on, as they are now.

        A write whose task was cancelled is one of them.
        """
        ...


def state_place(device: str) -> str:
    """Return what ``StillWaiting`` calls the saving and restoring of a device's state."""
    return f"device state of {device}"
