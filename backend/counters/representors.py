"""Which interfaces of a PF stand for its VFs: the representors of a NIC in switchdev mode."""

from __future__ import annotations

import re

from backend.host.doors import Files

_PORT_OF_VF = re.compile(r"(?:c\d+)?pf(\d+)vf(\d+)", re.ASCII)
"""``phys_port_name`` of a VF's representor (``Documentation/networking/switchdev.rst``)."""


class Representors:
    """Asks each interface once; an interface that comes again under its name must be asked for anew."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._known: dict[str, int | None] = {}

    def vf_of(self, pf: str, interface: str) -> int | None:
        """Return the index of the VF that an interface of ``pf`` stands for; None when it is the PF's own."""
        key = f"{pf}/{interface}"
        if key not in self._known:
            try:
                name = self._files.read(f"/sys/class/net/{interface}/phys_port_name", 64)
            except OSError:
                name = b""
            found = _PORT_OF_VF.fullmatch(name.decode("ascii", "replace").strip())
            self._known[key] = int(found[2]) if found is not None else None
        return self._known[key]

    def forget(self, pf: str, present: tuple[str, ...]) -> None:
        """Forget the interfaces of ``pf`` that are not there any more."""
        for key in [key for key in self._known if key.startswith(f"{pf}/")]:
            if key.partition("/")[2] not in present:
                del self._known[key]
