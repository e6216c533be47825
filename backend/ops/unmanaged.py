"""VFs of a PF that no host driver manages: on pci-pf-stub, or on vfio-pci, whose user and VFs share a token."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from backend.model.ids import KernelName
from backend.model.plan import Danger, Plan, Step
from backend.model.requests import Bind, SetNumVfs, SetUnmanagedVfs
from backend.ops.actions import GiveVfToken
from backend.ops.bind import plan_bind
from backend.ops.checks import DriverIs, FileIs
from backend.ops.codec import asked
from backend.ops.drivers import VFIO
from backend.ops.errors import BadRequest, Refused
from backend.ops.numvfs import plan_numvfs
from backend.ops.operation import Operation, Outcome, Work, in_turn, write
from backend.ops.tokens import token_path
from backend.ops.world import World

_ENABLE = "/sys/module/vfio_pci/parameters/enable_sriov"


async def plan_unmanaged(request: SetUnmanagedVfs, world: World) -> Operation:
    """Plan a PF on a driver that manages nothing, and its VFs ready for guests."""
    pf = world.device(request.pf)
    if pf.sriov is None:
        raise Refused(f"{pf.id} is no PF: it has no SR-IOV capability", "name a PF; `iovtop snapshot --filter pf`")
    if request.count < 1:
        raise BadRequest(f"{request.verb}: {request.count} VFs need no such driver", "give it back: `iovtop bind PF`")
    driver = KernelName(request.driver)
    vfs = SetNumVfs(request.pf, request.count, guests=True, driver=driver if driver == VFIO else None)
    steps: list[tuple[Any, Any]] = [(plan_bind, Bind(request.pf, driver=driver)), (plan_numvfs, vfs)]
    tokened = request.driver == VFIO and (pf.driver != VFIO or len(pf.sriov.vfs) != request.count)
    if tokened:
        steps.insert(1, (_let_vfio_make_vfs, request))
    operation = await in_turn(world, steps)
    consequences = list(operation.plan.consequences)
    if tokened:
        consequences += [
            f"whoever opens the PF or a VF has to give the token in {token_path(pf.id)}, which only root can read: "
            "QEMU by vf-token=, DPDK by --vfio-vf-token",
            "enable_sriov stays on until the next boot, for all PFs on vfio-pci",
        ]
    plan = replace(
        operation.plan,
        asked=(asked(request),),
        title=f"{request.count} unmanaged VFs on {pf.id}, with {request.driver}",
        consequences=tuple(consequences),
    )
    return Operation(plan, operation.work, operation.outcome)


async def _let_vfio_make_vfs(request: SetUnmanagedVfs, world: World) -> Operation:
    """Plan what vfio-pci wants before it makes VFs: its switch, and a token that nobody else knows."""
    now = world.read(_ENABLE) or "N"
    work = []
    if now != "Y":
        check = FileIs(_ENABLE, "Y")
        work.append(write(_ENABLE, "1", text="let vfio-pci make VFs", old=now, after=(check,), expected="it reads Y"))
    path = token_path(request.pf)
    shell = f"# open {request.pf} by VFIO once, as '{request.pf} vf_token='$(cat {path})"
    where = f"VF token of {request.pf}"
    step = Step(f"give {request.pf} a VF token", where, "", f"kept in {path}", shell, "the kernel takes it")
    work.append(Work(step, GiveVfToken(request.pf, path), before=(DriverIs(request.pf, VFIO),)))
    plan = Plan(
        (), "", (request.pf,), (), tuple(item.step for item in work), (), (), "", Danger.REVERSIBLE, "", False
    )  # fmt: skip
    return Operation(plan, tuple(work), Outcome(files={_ENABLE: "Y"}))
