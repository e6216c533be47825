"""The closed list of what can be asked for: one list for the agent, the command line and the screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, get_type_hints

from backend.model.plan import Danger
from backend.model.requests import (
    REQUESTS,
    AutostartMdev,
    Bind,
    BindGroup,
    CreateMdevs,
    DefineMdev,
    RemoveBoot,
    RemoveMdevs,
    RemoveState,
    Replug,
    Request,
    Reset,
    RestoreState,
    SaveBoot,
    SaveState,
    SetEswitch,
    SetGroupType,
    SetMsixCount,
    SetNumVfs,
    SetPath,
    SetPort,
    SetUnmanagedVfs,
    SetVfPolicy,
    SetVgpuType,
    Unbind,
    UndefineMdev,
)


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a verb."""

    name: str
    type: Any
    """What it is parsed into: an id of ``backend.model.ids``, int, bool, an enumeration, or one of these or None."""
    default: Any
    """``dataclasses.MISSING`` where it must be given."""

    @property
    def needed(self) -> bool:
        """Whether it must be given."""
        return self.default is MISSING


@dataclass(frozen=True, slots=True)
class Verb:
    """One thing that can be asked for."""

    request: type[Request]
    summary: str
    """What it does, in the imperative, for a list of commands."""
    danger: Danger
    """The worst that a plan of it can be."""

    @property
    def name(self) -> str:
        """Its name."""
        return self.request.verb

    @property
    def arguments(self) -> tuple[Argument, ...]:
        """Its arguments, as the request has them."""
        types = get_type_hints(self.request)
        return tuple(Argument(field.name, types[field.name], field.default) for field in fields(self.request))


VERBS: Mapping[str, Verb] = {
    verb.name: verb
    for verb in (
        Verb(SetNumVfs, "set how many VFs a PF has", Danger.DESTRUCTIVE),
        Verb(Bind, "bind a function to a VFIO driver, the one named, or the kernel's choice", Danger.DESTRUCTIVE),
        Verb(Unbind, "take the driver of a function away", Danger.DESTRUCTIVE),
        Verb(CreateMdevs, "make mdevs of a type on a parent", Danger.REVERSIBLE),
        Verb(BindGroup, "bind all functions of an IOMMU group to VFIO drivers", Danger.DESTRUCTIVE),
        Verb(SetGroupType, "set the type of an IOMMU group's default domain", Danger.REVERSIBLE),
        Verb(RemoveMdevs, "remove mdevs that nobody holds", Danger.DISRUPTIVE),
        Verb(Replug, "plug a running VM's device again with its regions mapped or trapped", Danger.DISRUPTIVE),
        Verb(SetVfPolicy, "set MAC address, VLAN, rates, spoof check, trust or link of a VF", Danger.DESTRUCTIVE),
        Verb(DefineMdev, "let mdevctl know an mdev", Danger.REVERSIBLE),
        Verb(UndefineMdev, "let mdevctl forget an mdev", Danger.REVERSIBLE),
        Verb(AutostartMdev, "start a defined mdev at boot, or not", Danger.REVERSIBLE),
        Verb(SetVgpuType, "give a VF a vendor vGPU type, or none", Danger.DISRUPTIVE),
        Verb(SetPath, "offer a function to the host, to guests, or to guests as an mdev", Danger.DESTRUCTIVE),
        Verb(Reset, "reset a function", Danger.DESTRUCTIVE),
        Verb(SetUnmanagedVfs, "make VFs of a PF that no host driver manages", Danger.DESTRUCTIVE),
        Verb(SetMsixCount, "set how many MSI-X vectors a VF has", Danger.REVERSIBLE),
        Verb(SetPort, "set what a VF's devlink port says of its function", Danger.REVERSIBLE),
        Verb(SaveState, "keep the state of an mdev in a file", Danger.REVERSIBLE),
        Verb(RestoreState, "let an mdev go on from a state that was kept", Danger.DISRUPTIVE),
        Verb(RemoveState, "throw a kept state away", Danger.DISRUPTIVE),
        Verb(SetEswitch, "set the mode of a NIC's embedded switch", Danger.DESTRUCTIVE),
        Verb(SaveBoot, "save what devices are now, to be made again at boot", Danger.REVERSIBLE),
        Verb(RemoveBoot, "save nothing more of some devices, or of all", Danger.REVERSIBLE),
    )
}
"""Every verb by its name."""

assert VERBS.keys() == REQUESTS.keys(), "every request is a verb, and the other way round"
