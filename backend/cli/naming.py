"""Devices as people name them: by address or UUID, by interface, as ``vf 3 of ens1f0``."""

from __future__ import annotations

import re

from backend.cli.exits import CommandError, Exit
from backend.host.doors import HostDoors
from backend.model.device import Device
from backend.model.host import Host
from backend.model.ids import BadIdError, parse_device_id
from backend.model.text import clean
from backend.present.filter import suggest

_VF = re.compile(r"vf ?(?P<index>[0-9]{1,5}) of (?P<pf>\S+)", re.ASCII)


class Names:
    """Finds devices of one host. The host is listed when a name needs it, once."""

    def __init__(self, doors: HostDoors) -> None:
        self._doors = doors
        self._host: Host | None = None

    def device(self, text: str) -> str:
        """Return the id of the device that ``text`` names. Raises ``CommandError``."""
        try:
            return str(parse_device_id(text))
        except BadIdError:
            pass
        virtual = _VF.fullmatch(text)
        if virtual is None:
            return str(self._interface(text).id)
        pf = self.device(virtual["pf"])
        index = int(virtual["index"])
        for device in self._listed().devices.values():
            if device.parent == pf and device.index == index:
                return str(device.id)
        raise CommandError(f"{pf} has no VF {index} now", Exit.NO_DEVICE)

    def _interface(self, name: str) -> Device:
        host = self._listed()
        found = [device for device in host.devices.values() if name in device.netdevs]
        if len(found) == 1:
            return found[0]
        if found:
            addresses = ", ".join(str(device.id) for device in found)
            raise CommandError(f"{clean(name, 64)!r} is a name of {addresses}: name one by its address", Exit.NO_DEVICE)
        known = [interface for device in host.devices.values() for interface in device.netdevs]
        hint = suggest(name, known) or "; write an address as in 0000:3b:00.2, an interface, or 'vf 3 of INTERFACE'"
        raise CommandError(f"no device {clean(name, 64)!r}{hint}", Exit.NO_DEVICE)

    def _listed(self) -> Host:
        if self._host is None:
            from backend.model.steps import at_once
            from backend.state.collect import Collector

            collector = Collector(self._doors)
            at_once(collector.read_all())
            assert collector.host is not None
            self._host = collector.host
        return self._host
