"""Changes of what a NIC's PF and its embedded switch say of a VF. What is left empty stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.model.device import Device, DeviceKind
from backend.model.host import Host
from backend.model.links import EswitchMode, PortState, VfLinkState, VlanProtocol
from backend.model.plan import Asked
from backend.model.requests import SetEswitch, SetMsixCount, SetPort, SetVfPolicy
from backend.present.tree import Subject
from tui.changes.change import Change, Values, device, function_of
from tui.dialogs.form import Choice, Field, FieldKind, Form

_AS_IT_IS = Choice("", "as it is")
_SWITCH = (_AS_IT_IS, Choice("on", "on"), Choice("off", "off"))
_NETWORK_CLASS = "02"
_MOST_VECTORS = 2048


def _why_no_vf(host: Host, subject: Subject) -> str:
    found = function_of(subject)
    if isinstance(found, str):
        return found
    return "" if found.kind in (DeviceKind.VF, DeviceKind.VGPU_VF) else f"{found.id} is no VF"


def _why_no_network_vf(host: Host, subject: Subject) -> str:
    found = function_of(subject)
    reason = _why_no_vf(host, subject)
    if reason or isinstance(found, str):
        return reason
    return "" if found.class_code.startswith(_NETWORK_CLASS) else f"{found.id} is no network function"


def _text(name: str, label: str, hint: str) -> Field:
    return Field(name, label, FieldKind.TEXT, "", hint)


def _switch(name: str, label: str, hint: str = "") -> Field:
    return Field(name, label, FieldKind.CHOICE, "", hint, choices=_SWITCH)


def _one_of(name: str, label: str, values: type[VfLinkState] | type[VlanProtocol] | type[PortState]) -> Field:
    choices = (_AS_IT_IS, *(Choice(value.value, value.value) for value in values))
    return Field(name, label, FieldKind.CHOICE, "", choices=choices)


def _typed(values: Values, numbers: frozenset[str], switches: frozenset[str]) -> dict[str, Any]:
    """Return what was filled in. A number that is none goes on as it was typed: its planner says what is wrong."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        text = value.strip()
        if not text:
            continue
        if name in switches:
            found[name] = text == "on"
        else:
            found[name] = int(text) if name in numbers and text.isdecimal() and text.isascii() else text
    return found


def _policy_form(host: Host, subject: Subject) -> Form:
    vf: Device = device(subject)
    fields = (
        _text("mac", "MAC", "52:54:00:aa:00:01; all zeroes: the VF takes its own"),
        _text("vlan", "VLAN", "1 to 4094; 0: none"),
        _text("qos", "QoS", "0 to 7"),
        _one_of("proto", "protocol", VlanProtocol),
        _switch("trust", "trust"),
        _switch("spoofcheck", "spoof check"),
        _text("rate", "most", "Mbit/s it may send; 0: no limit"),
        _text("min_rate", "least", "Mbit/s it can always send"),
        _one_of("link", "link", VfLinkState),
    )
    return Form(f"Policy of VF {vf.id}", fields)


def _policy(host: Host, subject: Subject, values: Values) -> tuple[Asked, ...]:
    numbers = frozenset({"vlan", "qos", "rate", "min_rate"})
    found = _typed(values, numbers, frozenset({"trust", "spoofcheck"}))
    return (Asked(SetVfPolicy.verb, {"vf": str(device(subject).id), **found}),)


def _msix_form(host: Host, subject: Subject) -> Form:
    count = Field("count", "vectors", FieldKind.NUMBER, "0", "0: as many as the PF gives", low=0, high=_MOST_VECTORS)
    return Form(f"MSI-X vectors of VF {device(subject).id}", (count,))


def _msix(host: Host, subject: Subject, values: Values) -> tuple[Asked, ...]:
    return (Asked(SetMsixCount.verb, {"vf": str(device(subject).id), "count": int(values["count"])}),)


def _port_form(host: Host, subject: Subject) -> Form:
    fields = (
        _switch("migratable", "migratable", "only while the VF has no driver"),
        _one_of("state", "state", PortState),
        _text("hw_addr", "MAC", "of the function"),
        _text("max_io_eqs", "event queues", "at the most"),
        _switch("roce", "RoCE"),
    )
    return Form(f"Devlink port of VF {device(subject).id}", fields)


def _port(host: Host, subject: Subject, values: Values) -> tuple[Asked, ...]:
    found = _typed(values, frozenset({"max_io_eqs"}), frozenset({"migratable", "roce"}))
    return (Asked(SetPort.verb, {"vf": str(device(subject).id), **found}),)


def _why_no_network_pf(host: Host, subject: Subject) -> str:
    found = function_of(subject)
    if isinstance(found, str):
        return found
    fits = found.sriov is not None and found.class_code.startswith(_NETWORK_CLASS)
    return "" if fits else f"{found.id} is no PF of a network card"


def _eswitch_form(host: Host, subject: Subject) -> Form:
    choices = tuple(Choice(mode.value, mode.value) for mode in EswitchMode)
    mode = Field("mode", "mode", FieldKind.CHOICE, choices[0].value, choices=choices)
    return Form(f"Embedded switch of {device(subject).id}", (mode,))


def _eswitch(host: Host, subject: Subject, values: Values) -> tuple[Asked, ...]:
    return (Asked(SetEswitch.verb, {"pf": str(device(subject).id), "mode": values["mode"]}),)


CHANGES: Mapping[str, Change] = {
    SetVfPolicy.verb: Change(_why_no_network_vf, _policy_form, _policy),
    SetMsixCount.verb: Change(_why_no_vf, _msix_form, _msix),
    SetPort.verb: Change(_why_no_network_vf, _port_form, _port),
    SetEswitch.verb: Change(_why_no_network_pf, _eswitch_form, _eswitch),
}
