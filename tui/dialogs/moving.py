"""Forms that ask where VMs shall go, and the migrations that they wish for."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from backend.cli.amounts import parse_bytes
from backend.cli.exits import CommandError
from backend.model.host import Host
from backend.model.job import Limits, Move, Wire
from backend.model.migration import Readiness, Strategy
from backend.model.vm import Vm
from backend.vmm.libvirtd import default_uri
from tui.dialogs.form import Choice, Field, FieldKind, Form
from tui.migrations import Waiting


def limit_fields(*, bandwidth: int | None, downtime: float) -> tuple[Field, Field]:
    """Return the fields of both limits."""
    shown = "" if bandwidth is None else str(bandwidth)
    return (
        Field("bandwidth", "bandwidth", FieldKind.TEXT, shown, "200M, 1.5G a second; 0: no limit; empty: as it is",
              wrong=_wrong_rate),
        Field("downtime", "downtime", FieldKind.NUMBER, str(round(downtime * 1000)), "ms the guest may stand still",
              high=999_999),
    )  # fmt: skip


def limits_of(values: Mapping[str, str]) -> tuple[int | None, float]:
    """Return the bytes a second and the seconds that a form says."""
    return _rate_of(values["bandwidth"]), int(values["downtime"]) / 1000


def between_qemus(vm: Vm, waiting: Sequence[Waiting], ready: Readiness) -> Form:
    """Return the form for a VM whose monitor we talk to. ``waiting`` holds at least one."""
    choices = [Choice(str(number), one.words) for number, one in enumerate(waiting)]
    return _form(
        vm,
        Field("where", "destination", FieldKind.CHOICE, choices[0].value, "a QEMU that waits", choices),
        Field("path", "or a monitor", FieldKind.TEXT, "", "path of another QMP socket: goes there instead",
              wrong=_wrong_path),
        ready=ready,
    )  # fmt: skip


def between_libvirts(vm: Vm, ready: Readiness) -> Form:
    """Return the form for a VM that libvirt moves."""
    tls = Field("tls", "encrypted", FieldKind.FLAG, "", "yes: with the certificates that qemu.conf names")
    return _form(vm, _uri("as in qemu+ssh://HOST/system", wrong=_no_uri), ready=ready, last=(tls,))


def _form(vm: Vm, *where: Field, ready: Readiness, last: tuple[Field, ...] = ()) -> Form:
    strategies = [Choice(way.strategy, way.strategy, way.why_not) for way in ready.ways]
    best = ready.best.strategy if ready.best is not None else Strategy.VFIO
    fields = (
        *where,
        *limit_fields(bandwidth=None, downtime=0.3),
        Field("hold", "hold", FieldKind.FLAG, "", "yes: switch over only when you say so"),
        Field("strategy", "strategy", FieldKind.CHOICE, best, "how its devices get across", strategies),
        *last,
    )
    return Form(f"Migrate {vm.name}", fields)


def leaving(host: Host, hosts: Sequence[str], *, libvirt: bool) -> Form:
    """Return the form that empties a host.

    Args:
        hosts: who may take its VMs; "" = the host itself.
        libvirt: whether some of them belong to libvirt.
    """
    places = [Choice(name, name.rpartition(":")[2] or "this host") for name in hosts]
    most = Limits()
    return Form(
        f"Evacuate {host.name}",
        (
            Field("host", "host", FieldKind.CHOICE, places[-1].value, "who takes them", places),
            *((_uri("takes those of libvirt, which then are all that go", wrong=_wrong_uri),) if libvirt else ()),
            Field("at_once", "at once", FieldKind.NUMBER, str(most.per_link), "VMs under way", low=1, high=99),
            Field("per_pf", "per PF", FieldKind.NUMBER, str(most.per_pf), "functions under way", low=1, high=99),
            *limit_fields(bandwidth=None, downtime=0.3),
            Field("some", "those that can", FieldKind.FLAG, "", "yes: begin although some cannot go"),
        ),
    )


def move_of(vm: Vm, values: Mapping[str, str], waiting: Sequence[Waiting]) -> Move:
    """Return the migration that a filled form wishes for."""
    bandwidth, downtime = limits_of(values)
    move = Move(
        vm.name, "", "", vm.pid, vm.uid, strategy=Strategy(values["strategy"]),
        bandwidth=bandwidth, downtime=downtime, hold=bool(values["hold"]),
    )  # fmt: skip
    if "uri" in values:
        wire = Wire(encrypted=bool(values["tls"]))
        return replace(move, destination=values["uri"], libvirt=default_uri(), uuid=vm.uuid, wire=wire)
    if values["path"]:
        return replace(move, monitor=vm.monitors[0], destination=values["path"])
    chosen = waiting[int(values["where"])]
    return replace(move, monitor=vm.monitors[0], destination=chosen.path, host=chosen.host)


def leaving_of(values: Mapping[str, str]) -> Move:
    """Return what a filled form wishes for each VM that goes."""
    bandwidth, downtime = limits_of(values)
    uri = values.get("uri", "")
    return Move(
        "", "", uri, host=values.get("host", ""), bandwidth=bandwidth, downtime=downtime,
        libvirt=default_uri() if uri else "", limits=Limits(int(values["per_pf"]), int(values["at_once"])),
        evacuation=uuid.uuid4().hex[:8],
    )  # fmt: skip


def _uri(hint: str, *, wrong: Callable[[str], str]) -> Field:
    return Field("uri", "libvirt there", FieldKind.TEXT, "", hint, wrong=wrong)


def _rate_of(text: str) -> int | None:
    return parse_bytes(text, "", "bytes a second") if text else None


def _wrong_rate(text: str) -> str:
    try:
        _rate_of(text)
    except CommandError as error:
        return str(error).strip()
    return ""


def _wrong_path(text: str) -> str:
    return "" if not text or text.startswith("/") else "write an absolute path"


def _wrong_uri(text: str) -> str:
    return _no_uri(text) if text else ""


def _no_uri(text: str) -> str:
    return "" if "://" in text else "write the URI of a libvirt, as in qemu+ssh://HOST/system"
