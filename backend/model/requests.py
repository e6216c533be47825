"""What can be asked for. Each request names the state to be reached, with ids that were parsed.

A default of None means "as it is": planning fills in what it found, so that the request that is kept leads to
the same state from wherever a crash leaves the host.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from backend.model.ids import MacAddress, PciAddress
from backend.model.links import EswitchMode, PortState, VfLinkState, VlanProtocol


@dataclass(frozen=True, slots=True)
class SetNumVfs:
    """That a PF has ``count`` VFs."""

    verb: ClassVar[str] = "numvfs"

    pf: PciAddress
    count: int
    guests: bool = False
    """Whether the VFs shall be ready for guests: no host driver may have them in between."""
    autoprobe: bool | None = None
    """``sriov_drivers_autoprobe`` afterwards."""


@dataclass(frozen=True, slots=True)
class SetVfPolicy:
    """What the PF enforces on a VF. None = as it is."""

    verb: ClassVar[str] = "vf set"

    vf: PciAddress
    mac: MacAddress | None = None
    """All zeroes = none: the VF takes its own."""
    vlan: int | None = None
    """0 = none."""
    qos: int | None = None
    """Priority in the VLAN, 0 to 7."""
    proto: VlanProtocol | None = None
    trust: bool | None = None
    spoofcheck: bool | None = None
    rate: int | None = None
    """The most it may send, in Mbit/s; 0 = no limit."""
    min_rate: int | None = None
    """What it can always send, in Mbit/s; 0 = nothing is kept for it."""
    link: VfLinkState | None = None


@dataclass(frozen=True, slots=True)
class SetMsixCount:
    """That a VF has ``count`` MSI-X vectors; 0 = as many as its PF gives by default."""

    verb: ClassVar[str] = "msix"

    vf: PciAddress
    count: int


@dataclass(frozen=True, slots=True)
class SetPort:
    """What is set of the function behind the devlink port of a VF. None = as it is."""

    verb: ClassVar[str] = "port"

    vf: PciAddress
    migratable: bool | None = None
    state: PortState | None = None
    hw_addr: MacAddress | None = None
    max_io_eqs: int | None = None
    roce: bool | None = None


@dataclass(frozen=True, slots=True)
class SetEswitch:
    """That the embedded switch of a NIC is in a mode."""

    verb: ClassVar[str] = "eswitch"

    pf: PciAddress
    mode: EswitchMode


Request = SetNumVfs | SetVfPolicy | SetMsixCount | SetPort | SetEswitch

REQUESTS: dict[str, type[Request]] = {
    kind.verb: kind for kind in (SetNumVfs, SetVfPolicy, SetMsixCount, SetPort, SetEswitch)
}
"""Every kind of request by its verb."""
