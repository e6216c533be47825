"""Traffic of network interfaces that the host sees: of PFs, of VFs on a host driver, and of representors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from backend.counters.sampler import About, nothing, stamp, state_of, whole
from backend.host.doors import HostDoors
from backend.model.counters import Counter, CounterSet, Measure, Reading, Unit, Values
from backend.model.device import Device
from backend.model.host import Host

_NET = "/sys/class/net"
_FILES = (
    "rx_bytes", "tx_bytes", "rx_packets", "tx_packets", "rx_dropped", "tx_dropped", "rx_errors", "tx_errors",
)  # fmt: skip

_COUNTERS = (
    Counter("rx_bytes", "received", Unit.BYTES, Measure.IN),
    Counter("tx_bytes", "sent", Unit.BYTES, Measure.OUT),
    Counter("rx_packets", "packets received", Unit.PACKETS, Measure.PACKETS_IN),
    Counter("tx_packets", "packets sent", Unit.PACKETS, Measure.PACKETS_OUT),
    Counter("rx_dropped", "dropped on receipt", Unit.PACKETS, Measure.DROPS),
    Counter("tx_dropped", "dropped on sending", Unit.PACKETS, Measure.DROPS),
    Counter("rx_errors", "errors on receipt", Unit.ERRORS, Measure.ERRORS),
    Counter("tx_errors", "errors on sending", Unit.ERRORS, Measure.ERRORS),
)

NETDEV = CounterSet("netdev", "Network interface", "/sys/class/net/IF/statistics", _COUNTERS)
REPRESENTOR = CounterSet("representor", "Representor in the switch", "statistics of its representor", _COUNTERS)

_PORT_OF_VF = re.compile(r"(?:c\d+)?pf(\d+)vf(\d+)", re.ASCII)
"""``phys_port_name`` of a VF's representor (``Documentation/networking/switchdev.rst``)."""


class NetdevSampler:
    """Reads the statistics of every interface of a device, and of the representors that stand for its VFs.

    What a VF's representor receives is what the VF sent: a representor's figures are turned round, and belong to
    the VF.
    """

    about = About("netdev", "network interfaces, representors", (NETDEV, REPRESENTOR), "", "24 for each interface")

    def __init__(self, doors: HostDoors) -> None:
        self._files = doors.files
        self._clock = doors.clock
        self._ports: dict[str, str] = {}

    def read(self, host: Host, devices: Sequence[Device]) -> Iterator[Reading | None]:
        """Yield a reading for each interface of ``devices``."""
        wanted = {str(device.id) for device in devices}
        parents = {device.parent for device in devices if device.parent}
        for device in host.devices.values():
            if str(device.id) in wanted or str(device.id) in parents:
                for name in device.netdevs:
                    subject = self._subject(device, name)
                    if subject in wanted:
                        yield self._interface(subject, name, turned=subject != str(device.id))

    def _subject(self, device: Device, name: str) -> str:
        """Return the device that an interface's figures belong to."""
        if device.sriov is None:
            return str(device.id)
        key = f"{device.id}/{name}"
        port = self._ports.get(key)
        if port is None:
            try:
                port = self._files.read(f"{_NET}/{name}/phys_port_name", 64).decode("ascii", "replace").strip()
            except OSError:
                port = ""
            self._ports[key] = port
        found = _PORT_OF_VF.fullmatch(port)
        if found is None:
            return str(device.id)
        index = int(found[2])
        return str(device.sriov.vfs[index]) if index < len(device.sriov.vfs) else ""

    def _interface(self, subject: str, name: str, *, turned: bool) -> Reading:
        of = REPRESENTOR if turned else NETDEV
        at = stamp(self._clock)
        try:
            with self._files.open_dir(f"{_NET}/{name}/statistics") as directory:
                values: Values = tuple([whole(directory.read(file, 32)) for file in _FILES])
        except OSError as error:
            state, reason = state_of(error, f"the statistics of {name}")
            return nothing(subject, of, at, state, reason, name)
        if turned:
            values = tuple(value for pair in range(0, len(values), 2) for value in (values[pair + 1], values[pair]))
        return Reading(subject, of, values, at, name)

    def close(self) -> None:
        """Nothing to let go of."""
