"""What is saved for boot: chosen, written, taken out, and taken back."""

from __future__ import annotations

import pytest

from backend.model.plan import RunState
from backend.ops.errors import Changed, NoSuchDevice, Refused
from backend.probe.boot.file import PATH, parse
from tests.unit.ops.simulation import Simulation

PF = "0000:01:00.0"
UNIT = "/etc/systemd/system/iovtop-boot.service"


def raw(simulation: Simulation) -> str:
    return simulation.host.files.read(PATH).decode()


async def saved(spec: str = "bare") -> Simulation:
    simulation = Simulation(spec)
    assert (await simulation.run(await simulation.plan("boot save")))[-1].state is RunState.DONE
    return simulation


def put(simulation: Simulation, text: str) -> None:
    simulation.host.kernel.folder("/etc/iovtop").file("boot.toml", text)


async def test_the_first_time_brings_file_and_unit_and_both_are_taken_back() -> None:
    simulation = Simulation("bare")
    plan = await simulation.plan("boot save")
    assert [step.where for step in plan.steps] == [PATH, UNIT, "unit iovtop-boot.service"]
    assert f"{PF}: 4 VFs; VF 2-3: driver none" in plan.consequences
    assert (plan.conditions, plan.unseen) == ((), True)  # no systemd of a real kernel was ever told
    assert (await simulation.run(plan))[-1].state is RunState.DONE
    entry = parse(raw(simulation)).pf[0]
    assert (entry.vfs, entry.identity.serial, entry.identity.mac) == (4, "3c-ec-ef-ff-ff-10-00-01", "3c:ec:ef:10:00:01")
    assert "ExecStart=/usr/bin/iovtop boot apply --yes" in simulation.read(UNIT)
    again = await simulation.plan("boot save")
    assert (again.steps, again.unseen) == ((), False)
    assert (await simulation.undo(plan))[-1].state is RunState.DONE
    assert "iovtop" not in simulation.host.files.list("/etc/systemd/system")
    for gone in (PATH, UNIT):
        with pytest.raises(FileNotFoundError):
            simulation.read(gone)


async def test_only_what_systemd_is_told_was_never_seen_on_a_real_kernel() -> None:
    simulation = await saved()
    await simulation.run(await simulation.plan("numvfs", pf=PF, count=2))
    plan = await simulation.plan("boot save")
    assert ([step.where for step in plan.steps], plan.unseen) == ([PATH], False)
    assert (await simulation.plan("boot remove")).unseen


async def test_what_runs_is_what_was_looked_at() -> None:
    simulation = Simulation("bare")
    plan = await simulation.plan("boot save")
    numvfs = await simulation.plan("numvfs", pf=PF, count=2)
    await simulation.run(numvfs)
    await simulation.run(plan)
    assert parse(raw(simulation)).pf[0].vfs == 4


async def test_a_file_that_somebody_changed_in_between_is_not_overwritten() -> None:
    simulation = await saved()
    await simulation.run(await simulation.plan("numvfs", pf=PF, count=2))
    plan = await simulation.plan("boot save")
    mine = raw(simulation).replace("vfs = 4", "vfs = 4 # mine")
    put(simulation, mine)
    with pytest.raises(Changed, match="changed since you looked"):
        await simulation.run(plan)
    assert raw(simulation) == mine


async def test_named_devices_alone_and_the_remarks_of_others_stay() -> None:
    simulation = await saved("lab")
    text = raw(simulation).replace("[[function]]", "# Jo's\n[[function]]")
    put(simulation, text)
    plan = await simulation.plan("bind", device="0000:06:02.0")
    await simulation.run(plan)
    plan = await simulation.plan("boot save", devices=["0000:06:02.0"])
    assert plan.consequences == ("0000:06:02.0: saved no more",)
    await simulation.run(plan)
    assert raw(simulation) == text.replace(text[text.index("# Jo's") : text.index("[[mdev]]")], "")
    assert (await simulation.undo(plan))[-1].state is RunState.DONE
    assert raw(simulation) == text


async def test_a_vf_is_saved_with_its_pf() -> None:
    simulation = Simulation("bare")
    plan = await simulation.plan("boot save", devices=["0000:02:11.0"])
    assert plan.devices == (PF,)


async def test_there_may_be_nothing_to_save() -> None:
    simulation = Simulation("bare")
    with pytest.raises(Refused, match=r"nothing to save of 0000:04:00\.0: it is as any boot makes it"):
        await simulation.plan("boot save", devices=["0000:04:00.0"])
    with pytest.raises(NoSuchDevice):
        await simulation.plan("boot save", devices=["0000:99:00.0"])
    await simulation.run(await simulation.plan("numvfs", pf=PF, count=0))
    with pytest.raises(Refused, match="nothing to save: every device is as any boot makes it"):
        await simulation.plan("boot save")


async def test_what_others_decide_is_left_to_them() -> None:
    simulation = Simulation("bare")
    simulation.host.kernel.folder("/etc").file("sysfs.conf", f"bus/pci/devices/{PF}/sriov_numvfs = 4\n")
    plan = await simulation.plan("boot save")
    assert any("sysfs.conf sets the number of VFs" in text and "and wins" in text for text in plan.consequences)
    await simulation.run(plan)
    assert parse(raw(simulation)).pf[0].vfs is None


@pytest.mark.parametrize("verb", ["boot save", "boot remove"])
async def test_a_file_that_is_wrong_is_not_replaced(verb: str) -> None:
    simulation = Simulation("bare")
    put(simulation, "version = 1\n[[pf]]\nvfs = 'four'\n")
    with pytest.raises(Refused, match="line 2: ") as error:
        await simulation.plan(verb, devices=[PF])
    assert error.value.remedy == "mend it, or move it away: nothing was changed"


async def test_taken_out_by_device_and_as_a_whole() -> None:
    simulation = await saved("lab")
    plan = await simulation.plan("boot remove", devices=[PF, "83b8f4f2-509f-382f-3c1e-e6bfe0fa1003"])
    await simulation.run(plan)
    left = parse(raw(simulation))
    assert PF not in {pf.identity.address for pf in left.pf}
    assert len(left.mdev) == 2
    with pytest.raises(NoSuchDevice, match=f"nothing is saved for {PF}"):
        await simulation.plan("boot remove", devices=[PF])
    whole = await simulation.plan("boot remove")
    await simulation.run(whole)
    assert (await simulation.plan("boot remove")).steps == ()
    await simulation.undo(whole)
    assert parse(raw(simulation)) == left


async def test_what_no_live_vf_tells_is_kept() -> None:
    simulation = await saved()
    put(simulation, raw(simulation).replace('driver = ""', 'driver = ""\nmsix = 5'))
    assert (await simulation.plan("boot save")).steps == ()


async def test_what_is_not_there_now_stays_saved() -> None:
    simulation = await saved()
    gone = '[[function]]\nidentity = { serial = "x", ids = "1234:5678" }\ndriver = "vfio-pci"\n'
    put(simulation, raw(simulation) + gone)
    plan = await simulation.plan("boot save")
    assert plan.steps == ()
    assert "serial x is not there now, and stays saved: this host has no 1234:5678 now" in plan.consequences
