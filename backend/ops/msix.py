"""How many interrupt vectors a VF has (``sriov_vf_msix_count``, drivers/pci/iov.c)."""

from __future__ import annotations

from dataclasses import dataclass

from backend.model.plan import Condition, Danger, Plan
from backend.model.requests import SetMsixCount
from backend.ops.checks import DriverIs, NotHeld
from backend.ops.codec import asked
from backend.ops.operation import Operation, write
from backend.ops.vfpolicy import IsVf, vf_and_pf
from backend.ops.world import READ_DEADLINE, World, attribute_path

_HIGHEST = 2048
_MSIX = 0x11
_CAPABILITIES = 0x34


@dataclass(frozen=True, slots=True)
class VectorsAre:
    """That the table of a VF has so many vectors; 0 = its driver's own choice, which is any."""

    vf: str
    count: int

    @property
    def about(self) -> tuple[str, ...]:
        """The VF."""
        return (self.vf,)

    def ask(self, world: World) -> Condition:
        """Compare with the MSI-X capability in its configuration space, as it was read last."""
        given = f"{self.count} vectors" if self.count else "as many vectors as its PF gives by default"
        text = f"{self.vf} has {given}"
        found = msix_table_size(world.config(self.vf))
        if found is None:
            return Condition(f"{text}, which cannot be read", True)
        if self.count in (0, found):
            return Condition(text, True)
        return Condition(text, False, f"it has {found}", "the PF may have fewer to give: see dmesg")


def msix_table_size(space: bytes) -> int | None:
    """Return the size of the MSI-X table that a configuration space tells of; None where it tells of none."""
    place = space[_CAPABILITIES] if len(space) > _CAPABILITIES else 0
    for _ in range(48):  # as many as fit: a damaged list may go in circles
        place &= 0xFC
        if place < 0x40 or place + 4 > len(space):
            return None
        if space[place] == _MSIX:
            return (int.from_bytes(space[place + 2 : place + 4], "little") & 0x7FF) + 1
        place = space[place + 1]
    return None


async def plan_msix(request: SetMsixCount, world: World) -> Operation:
    """Plan one write, to a VF that no driver has: a driver has its vectors already."""
    vf, pf, index = vf_and_pf(world, request.vf)
    now = msix_table_size(await world.look_at_config(vf.id))
    total = await world.guarded(attribute_path(pf, "sriov_vf_total_msix"))
    unbound = DriverIs(vf.id, "")
    checks = (IsVf(vf.id, pf.id, index), NotHeld(vf.id), unbound)
    conditions = [_pool(pf.id, total, request.count)]
    for check in checks:
        condition = check.ask(world)
        if check is unbound and not condition.holds:
            condition = Condition(
                condition.text, False, condition.found, f"iovtop unbind {vf.id}, and bind it again then"
            )
        conditions.append(condition)
    path = attribute_path(vf, "sriov_vf_msix_count")
    new = str(request.count)
    work = []
    if now is None or now != request.count:
        work.append(
            write(
                path, new, text=f"give {vf.id} {new if request.count else 'its default number of'} vectors",
                old=None if now is None else str(now), before=checks, after=(VectorsAre(vf.id, request.count),),
                expected=f"the MSI-X table of {vf.id} has {new} entries" if request.count else "the write returns",
            )
        )  # fmt: skip
    plan = Plan(
        asked=(asked(request),),
        title=f"{new} MSI-X vectors for {vf.id}, which has {now if now is not None else 'an unknown number'}",
        devices=(vf.id, pf.id),
        conditions=tuple(conditions),
        steps=tuple(item.step for item in work),
        consequences=("the driver of the VF sees it when it is bound again",) if work else (),
        undo=(asked(SetMsixCount(request.vf, now or 0)),) if work else (),
        no_undo="" if now is not None or not work else "how many it had could not be read: undo gives it the default",
        danger=Danger.REVERSIBLE,
        must_type="",
        unseen=True,
    )
    return Operation(plan, tuple(work))


def _pool(pf: str, total: str | None, count: int) -> Condition:
    text = f"{pf} shares out {count or 'its'} MSI-X vectors"
    if total is None:
        return Condition(
            text, False, f"its number did not come within {READ_DEADLINE:.0f} s", "look who holds its lock"
        )
    if not total.isdecimal() or not int(total):
        remedy = "only mlx5_core manages the vectors of its VFs so far"
        return Condition(text, False, "its driver does not manage those of its VFs", remedy)
    if not 0 <= count <= min(int(total), _HIGHEST):
        return Condition(text, False, f"it has {total} for all its VFs, {_HIGHEST} at most for one", "ask for fewer")
    return Condition(text, True)
