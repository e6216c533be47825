"""What is saved for boot, beside each picture of the host."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import replace

from backend.host.doors import Files
from backend.model.boot import BootState, Claim, Saved
from backend.model.device import Device
from backend.model.ids import DeviceId
from backend.probe.boot.compare import Placed, compare, place
from backend.probe.boot.file import PATH, BadBootFile, parse, read
from backend.probe.boot.identity import has_identity, read_identity, read_slots
from backend.probe.boot.others import read_claims
from backend.state.reuse import reuse


class SavedForBoot:
    """The file of one host. Which devices it means, and who else decides, is worked out when a look is due.

    Serial numbers that only root can read, from a place that wakes the device, are not asked for here: such a card is
    known by whatever else was saved of it.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._text: str | None = None
        self._error = ""
        self._saved = Saved()
        self._placed = Placed((), ())
        self._claims: tuple[Claim, ...] = ()
        self._known: frozenset[DeviceId] = frozenset()
        self._due = True
        self._marked: Set[DeviceId] = frozenset()
        """Devices of which something was saved when the last picture was made."""

    def look_again(self) -> None:
        """Work out everything anew at the next comparison."""
        self._due = True

    def changed(self) -> bool:
        """Return whether the file says something else than at the last comparison."""
        return self._read()[0] != self._text

    def compare(self, devices: Mapping[DeviceId, Device]) -> BootState | None:
        """Return how devices differ from what is saved; None where nothing is."""
        text, error = self._read()
        if text is None and not error:
            self._text = None
            return None
        if text != self._text or error:
            self._text, self._error, self._due = text, error, True
            self._parse()
        if self._error:
            return BootState(PATH, self._error)
        if self._due or self._known != devices.keys():
            self._place(devices)
        return compare(PATH, self._placed, devices, self._claims)

    def mark(
        self, devices: Mapping[DeviceId, Device], boot: BootState | None, before: Mapping[DeviceId, Device]
    ) -> Mapping[DeviceId, Device]:
        """Return the devices, those of which something is saved with how they differ from it.

        Args:
            devices: all of the host.
            boot: what ``compare`` returned for them.
            before: those of the last picture, which are used again where they are equal.
        """
        saved = {DeviceId(name): boot.of(name) for name in boot.saved} if boot is not None else {}
        marked, self._marked = self._marked, saved.keys()
        found: dict[DeviceId, Device] | None = None
        for name in saved.keys() | marked:
            device = devices.get(name)
            if device is not None and device.drift != saved.get(name):
                found = dict(devices) if found is None else found
                found[name] = reuse(before.get(name), replace(device, drift=saved.get(name)))
        return devices if found is None else found

    def _read(self) -> tuple[str | None, str]:
        try:
            return read(self._files), ""
        except BadBootFile as error:
            return None, str(error)

    def _parse(self) -> None:
        try:
            self._saved = parse(self._text) if self._text is not None else Saved()
        except BadBootFile as error:
            self._error = str(error)

    def _place(self, devices: Mapping[DeviceId, Device]) -> None:
        self._due, self._known = False, frozenset(devices)
        slots = read_slots(self._files)
        functions = (device for device in devices.values() if has_identity(device))
        self._placed = place(self._saved, [read_identity(self._files, device, slots) for device in functions])
        self._claims = read_claims(self._files, devices.values())
