"""Resets as operations: by which method, and whom they hit."""

from __future__ import annotations

import pytest

from backend.model.plan import RunState
from backend.ops.errors import Refused
from tests.conformance.machine import PCI, Machine, plain, set_vfs, to_vfio, write_raw
from tests.conformance.operating import Operating


async def test_by_the_kernels_first_choice(machine: Machine) -> None:
    (vf,) = await set_vfs(machine, machine.pf, 1)
    operating = Operating(machine)
    plan = await operating.plan("reset", device=vf)
    assert [step.where for step in plan.steps] == [f"{PCI}/{vf}/reset"]
    assert plan.undo == ()
    assert plan.no_undo
    assert (await operating.confirm(plan))[-1].state is RunState.DONE


async def test_by_another_method_which_is_given_back(machine: Machine) -> None:
    path = f"{PCI}/{machine.other_pf}/reset_method"
    before = plain(machine, path)
    last = before.split()[-1]
    operating = Operating(machine)
    plan = await operating.plan("reset", device=machine.other_pf, method=last)
    if len(before.split()) > 1:
        assert [step.new for step in plan.steps] == [last, "1", before]
    events = await operating.confirm(plan)
    # A reset of the bus is refused where it would hit others.
    assert events[-1].state in (RunState.DONE, RunState.FAILED), events
    assert plain(machine, path) == before


async def test_a_pf_takes_its_vfs_along_so_nobody_may_have_one(machine: Machine) -> None:
    vf, _ = await set_vfs(machine, machine.pf, 2)
    await to_vfio(machine, vf)
    holder = await machine.hold(vf)
    operating = Operating(machine)
    plan = await operating.plan("reset", device=machine.pf)
    assert any("2 VFs are reset with it" in text for text in plan.consequences)
    assert [condition.text for condition in plan.broken] == [f"nobody holds {vf}"]
    with pytest.raises(Refused, match="held by"):
        await operating.confirm(plan)
    await machine.release(holder)


async def test_what_the_function_does_not_have(machine: Machine) -> None:
    operating = Operating(machine)
    with pytest.raises(Refused, match="cannot be reset by cxl_bus"):
        await operating.plan("reset", device=machine.pf, method="cxl_bus")
    path = f"{PCI}/{machine.pf}/reset_method"
    assert await write_raw(machine, path, b"\n") == "OK"
    plan = await operating.plan("reset", device=machine.pf)
    assert [condition.found for condition in plan.broken] == ["its reset_method is empty"]
    assert await write_raw(machine, path, b"default\n") == "OK"
