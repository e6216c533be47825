"""What can go wrong between us and a VMM, each with what to do about it."""

from __future__ import annotations


class VmmError(Exception):
    """A VMM could not be asked, or said no. The message is one sentence for the user."""


class MonitorUnsafe(VmmError):
    """Somebody who may not should be able to put another socket in the place of this one: it is not used."""


class MonitorAbsent(VmmError):
    """Nobody listens there, or this user may not connect."""


class MonitorBusy(VmmError):
    """QEMU serves one client of a monitor at a time, and another one is connected."""


class MonitorGone(VmmError):
    """The connection ended: the VMM has gone, or closed it. What was asked last may or may not have been done."""


class MonitorTimeout(VmmError):
    """QEMU did not answer in time. It may still do what it was asked."""


class CommandRefused(VmmError):
    """QEMU answered with an error.

    Attributes:
        command: what was asked.
        kind: QMP's class of the error: GenericError, DeviceNotFound, CommandNotFound, ...
        text: QEMU's own words, cleaned.
    """

    def __init__(self, command: str, kind: str, text: str) -> None:
        super().__init__(f"{command}: {text}")
        self.command = command
        self.kind = kind
        self.text = text


class StillPlugged(VmmError):
    """A guest kept a device that it was asked to let go; nothing changed.

    Attributes:
        refused: whether it said no; else it said nothing.
    """

    def __init__(self, name: str, *, refused: bool) -> None:
        super().__init__(f"the guest {'refuses to' if refused else 'did not'} let {name} go")
        self.refused = refused


class CommandForbidden(VmmError):
    """Not in the list of what iovtop ever asks of a VMM, or a change while only reading is allowed."""
