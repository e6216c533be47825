"""Reading the attributes of one device, with a note for each that could not be read."""

from __future__ import annotations

import errno
import os

from backend.host.doors import Directory
from backend.model.facts import NO_NOTES, FactState, Note, Notes
from backend.model.text import clean


class VanishedError(Exception):
    """The device went away while it was read."""


_NUMBERS = {f"{number}\n".encode(): number for number in range(-1, 64)}
"""What most attributes hold, parsed once."""

_GONE = frozenset({errno.ENODEV, errno.ENXIO})
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_HIDDEN = frozenset({errno.EACCES, errno.EPERM})


def note_of(error: OSError, what: str) -> Note:
    """Return the note that an error while reading ``what`` leaves behind."""
    name = errno.errorcode.get(error.errno or 0, "error")
    if error.errno in _HIDDEN:
        return Note(FactState.HIDDEN, f"{what} needs root ({name})")
    if error.errno == errno.EOPNOTSUPP:
        return Note(FactState.UNSUPPORTED, f"{what} is not supported ({name})")
    return Note(FactState.UNKNOWN, f"{what} could not be read: {name}, {os.strerror(error.errno or 0)}")


class Attributes:
    """The attributes in one open directory, read one by one.

    A missing attribute is None and no fault: the kernel leaves out what does not apply. Any other failure
    is None with a note under the field's name.
    """

    __slots__ = ("_directory", "_notes")

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._notes: dict[str, Note] | None = None

    @property
    def notes(self) -> Notes:
        """The notes so far, by field."""
        return self._notes if self._notes is not None else NO_NOTES

    def note(self, field: str, note: Note) -> None:
        """Remember why ``field`` is not simply known."""
        if self._notes is None:
            self._notes = {}
        self._notes[field] = note

    def failed(self, error: OSError, field: str, name: str) -> None:
        """Take note of an error. Raises ``VanishedError`` when it says that the device is gone."""
        if error.errno in _GONE:
            raise VanishedError(name) from error
        if error.errno not in _ABSENT:
            self.note(field, note_of(error, name))

    def text(self, name: str, field: str) -> str | None:
        """Return the attribute as clean text."""
        try:
            return clean(self._directory.read(name))
        except OSError as error:
            self.failed(error, field, name)
            return None

    def number(self, name: str, field: str, base: int = 10) -> int | None:
        """Return the attribute as a number; text that is none leaves a note."""
        try:
            raw = self._directory.read(name)
        except OSError as error:
            self.failed(error, field, name)
            return None
        number = _NUMBERS.get(raw) if base == 10 else None
        if number is not None:
            return number
        try:
            return parse_int(raw, base)
        except ValueError:
            self.note(field, Note(FactState.UNKNOWN, f"{name} holds no number: {clean(raw, 40)!r}"))
            return None

    def link(self, name: str, field: str) -> str | None:
        """Return the last component of a symbolic link's target, not cleaned: parse it."""
        try:
            return self._directory.readlink(name).rpartition("/")[2]
        except OSError as error:
            # EINVAL: it is no link; such a thing comes from no kernel.
            if error.errno != errno.EINVAL:
                self.failed(error, field, name)
            return None

    def names(self, name: str, field: str) -> list[str]:
        """Return the names in a subdirectory, sorted; empty when there is none."""
        try:
            return sorted(self._directory.list(name))
        except OSError as error:
            self.failed(error, field, name)
            return []


def parse_int(raw: bytes, base: int = 10) -> int:
    """Return the number that a kernel attribute holds: bounded, no underscores, no inner white space."""
    text = raw.strip()
    if len(text) > 24 or b"_" in text:
        raise ValueError(f"{text[:24]!r} is no number of the kernel's")
    return int(text, base)
