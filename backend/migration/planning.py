"""The plan of a migration: what will be asked of both QEMUs, on what conditions, and what the guest will notice."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

import msgspec

from backend.migration.choosing import EXPLAINED
from backend.model.job import MIGRATE, Leaving, Limits, Move
from backend.model.migration import Readiness, Reason, Strategy, Weight
from backend.model.plan import Asked, Condition, Danger, Plan, Step


def plan_move(move: Move, readiness: Readiness | None = None, differences: Sequence[Reason] = ()) -> Plan:
    """Return the plan of a migration.

    Args:
        readiness: of the VM; None where it was looked at already.
        differences: what a look at the destination found.
    """
    reasons = [*reasons_of(move, readiness), *differences]
    broken = [_broken(reason) for reason in reasons if reason.weight is not Weight.COSTS]
    holding = []
    if readiness is not None and not any(r.weight is not Weight.COSTS for r in reasons_of(move, readiness)):
        holding.append(Condition(f"{move.vm} can migrate live, with the strategy {move.strategy}", True))
    if readiness is not None and not any(reason.weight is not Weight.COSTS for reason in differences):
        holding.append(Condition(f"{place_of(move)} can take it over", True))
    costs = [
        f"{reason.subject}: {reason.cause}; {reason.remedy}" for reason in reasons if reason.weight is Weight.COSTS
    ]
    return Plan(
        asked=(Asked(MIGRATE, msgspec.to_builtins(move)),),
        title=f"migrate {move.vm} to {place_of(move)}",
        devices=move.devices,
        conditions=(*broken, *holding),
        steps=tuple(_steps(move)),
        consequences=(
            f"the guest stands still at the switchover, for {move.downtime * 1000:.0f} ms at most as far as QEMU can "
            "tell beforehand",
            *_of_strategy(move),
            *_of_wire(move),
            *costs,
        ),
        undo=(),
        no_undo="until the switchover a cancel leaves the VM where it is; after it, migrate it back",
        danger=Danger.DISRUPTIVE,
        must_type="",
        unseen=move.strategy is Strategy.FAILOVER,
    )


def plan_leaving(found: Sequence[Leaving], *, those_that_can: bool) -> Plan:
    """Return the plan of an evacuation.

    Args:
        found: every VM of the host.
        those_that_can: whether it begins although some cannot go.
    """
    moves = [one.move for one in found if one.move is not None]
    plans = [plan_move(move) for move in moves]
    staying = [one for one in found if one.move is None]
    conditions = [
        Condition(f"{one.vm.name} can go", False, "; ".join(r.cause for r in one.reasons), one.reasons[0].remedy)
        for one in staying
        if not those_that_can
    ]
    stays = [f"{one.vm.name} stays: {'; '.join(reason.cause for reason in one.reasons)}" for one in staying]
    if not moves and those_that_can:
        conditions.append(Condition("there is a VM that can go", False, "; ".join(stays) or "there is none", ""))
    limits = moves[0].limits if moves else Limits()
    return Plan(
        asked=tuple(asked for plan in plans for asked in plan.asked),
        title=f"migrate {len(moves)} of {len(found)} VMs" + (f" to {_host_of(moves[0])}" if moves else ""),
        devices=tuple(dict.fromkeys(device for plan in plans for device in plan.devices)),
        conditions=(*(Condition(f"{move.vm} can go", True) for move in moves), *conditions),
        steps=tuple(step for plan in plans for step in plan.steps),
        consequences=(
            f"{limits.per_link} VMs are under way at once, and {limits.per_pf} functions of one PF; others wait",
            *dict.fromkeys(words for plan in plans for words in plan.consequences),
            *(stays if those_that_can else ()),
        ),
        undo=(),
        no_undo="what has arrived is migrated back one by one",
        danger=Danger.DISRUPTIVE,
        must_type="",
        unseen=any(plan.unseen for plan in plans),
    )


def reasons_of(move: Move, readiness: Readiness | None) -> Sequence[Reason]:
    """Return what stands in the way of the strategy, and what it costs."""
    if readiness is None:
        return ()
    way = readiness.way(move.strategy)
    if way is None:
        return readiness.reasons
    costs = [reason for reason in readiness.reasons if reason.weight is Weight.COSTS]
    return (*way.reasons, *(costs if move.strategy is Strategy.VFIO else ()))


def _broken(reason: Reason) -> Condition:
    found = reason.cause if reason.weight is Weight.BLOCKS else f"not known: {reason.cause}"
    said = "" if reason.cause.startswith(reason.subject) else f"{reason.subject}: "
    return Condition(
        f"nothing stands in the way of {reason.subject}", False, f"{said}{found} ({reason.evidence})", reason.remedy
    )


def place_of(move: Move) -> str:
    """Return where a migration leads, for people."""
    return f"{move.destination} on {move.host}" if move.host else move.destination


def _host_of(move: Move) -> str:
    return move.host or (move.destination if move.libvirt else "this host")


def _steps(move: Move) -> Iterator[Step]:
    if move.strategy is Strategy.UNPLUG:
        for name, _ in move.plugs:
            yield Step(
                f"unplug {name}: its guest has to let it go", f"monitor {move.monitor}", "plugged in", "",
                f"# device_del {name}: the migration below does it", f"{name} is out",
            )  # fmt: skip
    if move.command:
        yield Step(
            f"start a QEMU that waits for {move.vm}; it is ended again if the VM stays",
            f"program {move.command[0]}", "",
            shlex.join(move.command), _started(move), f"{move.destination} answers",
        )  # fmt: skip
    limits = {"downtime-limit": round(move.downtime * 1000)}
    if move.bandwidth is not None:
        limits["max-bandwidth"] = move.bandwidth
    by_itself = "what libvirt there chooses" if move.libvirt else "a socket beside the monitor of the destination"
    told = f"migrate to {move.uri or by_itself}"
    told += _over(move)
    held = ", held before the switchover until you say so" if move.hold else ""
    limited = ", ".join(f"{name} {value}" for name, value in limits.items())
    yield Step(
        f"migrate {move.vm}{held} ({limited})", _asked(move), f"{move.vm} here", f"on {place_of(move)}",
        shlex.join(_command(move)), told,
    )  # fmt: skip
    if move.strategy is Strategy.UNPLUG:
        for name, there in move.plugs:
            if there:
                yield Step(
                    f"plug in {there} for {name}", f"monitor {move.destination}", "", there,
                    f"# device_add host={there} ...: the migration above does it",
                    f"{name} is plugged in there",
                )  # fmt: skip


def _command(move: Move) -> list[str]:
    """Return the command that does the same, for a script: it asks nothing."""
    words = ["iovtop", "migrate", move.vm, move.destination, "--strategy", str(move.strategy)]
    words += ["--libvirt", move.libvirt] if move.libvirt else []
    words += ["--qmp", move.monitor] if move.pid is None and move.monitor else []
    words += ["--to-sim", move.host] if move.host else []
    words += ["--uri", move.uri] if move.uri else []
    words += ["--downtime", str(round(move.downtime * 1000))]
    words += [] if move.bandwidth is None else ["--bandwidth", str(move.bandwidth)]
    words += ["--connections", str(move.wire.connections)] if move.wire.connections else []
    words += ["--tls"] if move.wire.encrypted else []
    words += ["--certificates", move.wire.certificates] if move.wire.certificates else []
    return [*words, *(["--hold"] if move.hold else []), "--yes"]


def _started(move: Move) -> str:
    """Return what starts the destination in a script, which goes on when its monitor is there."""
    there = f"test -S {shlex.quote(move.destination)}"
    start = shlex.join(move.command)
    if move.folder:
        start = f"(cd {shlex.quote(move.folder)} && exec {start})"
    return f"{start} & while kill -0 $! && ! {there}; do sleep 0.1; done"


def _asked(move: Move) -> str:
    return f"libvirt {move.libvirt}" if move.libvirt else f"monitor {move.monitor}"


def _over(move: Move) -> str:
    """Return what is said of the wire, where something was asked for."""
    several = f", over {move.wire.connections} connections" if move.wire.connections > 1 else ""
    return several + (", encrypted" if move.wire.encrypted else "")


def _of_strategy(move: Move) -> Iterator[str]:
    if move.devices:
        yield EXPLAINED[move.strategy]
    if move.libvirt:
        yield from _of_libvirt(move)
        return
    for name, there in move.plugs:
        yield f"{name} goes from the guest; there, {there or 'nothing'} is plugged in for it"


def _of_wire(move: Move) -> Iterator[str]:
    if move.wire.encrypted and not move.libvirt:
        yield f"both QEMUs encrypt with the certificates in {move.wire.certificates}, which both must be able to read"
    elif move.wire.encrypted:
        yield "libvirt encrypts with the certificates that its qemu.conf names"


def _of_libvirt(move: Move) -> Iterator[str]:
    for name, there in move.plugs:
        yield f"{there} takes the place of {name} there"
    yield "the two libvirts talk to each other: the source's, as its own user, must reach the other by that URI"
    yield "where the domain is defined, its definition goes with it: it is no longer defined here"
    if move.hold:
        yield "libvirt cannot stop it before the switchover: a guest that changes little goes across by itself"
