"""Traffic of network interfaces that the host sees: of PFs, of VFs on a host driver, and of representors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

from backend.counters.representors import Representors
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


class NetdevSampler:
    """Reads the statistics of every interface of a device, and of the representors that stand for its VFs.

    What a VF's representor receives is what the VF sent: a representor's figures are turned round, and belong to
    the VF.
    """

    about = About("netdev", "network interfaces, representors", (NETDEV, REPRESENTOR), "", "24 for each interface")

    def __init__(self, doors: HostDoors) -> None:
        self._files = doors.files
        self._clock = doors.clock
        self._representors = Representors(doors.files)

    def read(self, host: Host, devices: Sequence[Device]) -> Iterator[Reading | None]:
        """Yield a reading for each interface of ``devices``."""
        wanted = {str(device.id) for device in devices}
        parents = {device.parent for device in devices if device.parent}
        for device in host.devices.values():
            if str(device.id) in wanted or str(device.id) in parents:
                self._representors.forget(str(device.id), device.netdevs)
                for name in device.netdevs:
                    subject = self._subject(device, name)
                    if subject in wanted:
                        yield self._interface(subject, name, turned=subject != str(device.id))

    def _subject(self, device: Device, name: str) -> str:
        """Return the device that an interface's figures belong to."""
        if device.sriov is None:
            return str(device.id)
        index = self._representors.vf_of(str(device.id), name)
        if index is None:
            return str(device.id)
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

    def forget(self, subjects: Set[str]) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing to let go of."""
