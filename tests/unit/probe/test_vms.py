"""VMs by their processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.host.tree import TreeFiles
from backend.model.facts import FactState
from backend.model.host import Host
from backend.model.vm import VmDevice, VmManager
from backend.probe.holders import HolderFindings, scan_holders
from backend.probe.vms import parse_command_line, read_vm
from backend.simhost import open_simulated
from backend.simhost.vms import VmPlan

GIB = 1 << 30
VF = "0000:c1:00.2"


def line(text: str) -> list[str]:
    return ["qemu-system-x86_64", *text.split()]


@pytest.mark.parametrize(
    ("text", "memory"),
    [
        ("-m 2G", 2 * GIB), ("-m 512", 512 << 20), ("-m 512M", 512 << 20), ("-m size=1048576k", GIB),
        ("-m size=4G,slots=2,maxmem=8G", 4 * GIB), ("-m 0x10", None), ("-m lots", None), ("", None),
    ],
)  # fmt: skip
def test_memory(text: str, memory: int | None) -> None:
    assert parse_command_line(line(text)).memory == memory


@pytest.mark.parametrize(
    ("text", "vcpus"), [("-smp 4", 4), ("-smp 8,sockets=2", 8), ("-smp cpus=2,cores=2", 2), ("-smp many", None)]
)
def test_vcpus(text: str, vcpus: int | None) -> None:
    assert parse_command_line(line(text)).vcpus == vcpus


@pytest.mark.parametrize(
    ("text", "monitors"),
    [
        ("-qmp unix:/run/a.qmp,server=on,wait=off", ["/run/a.qmp"]),
        ("-chardev socket,id=q,path=/run/b,server=on -mon chardev=q,mode=control", ["/run/b"]),
        ("-mon q,mode=control -chardev socket,path=/run/b,id=q", ["/run/b"]),
        ("-chardev socket,id=q,path=/run/b -mon chardev=q,mode=readline", []),
        ("-chardev socket,id=charmonitor,fd=25 -mon chardev=charmonitor,mode=control", []),
        ("-qmp tcp:localhost:4444", []),
        ("-qmp unix:/a,server=on -qmp unix:/b,server=on", ["/a", "/b"]),
    ],
)
def test_monitors(text: str, monitors: list[str]) -> None:
    assert parse_command_line(line(text)).monitors == monitors


def test_devices_as_text_and_as_json() -> None:
    found = parse_command_line(
        [
            *line(f"-device vfio-pci,host={VF},id=net0,bus=rp1,x-no-mmap=on,enable-migration=on,iommufd=i0"),
            *["-device", f'{{"driver":"vfio-pci","host":"{VF}","id":"h0","bus":"pci.5","x-no-mmap":true}}'],
            *line("-device vfio-pci,host=c1:00.3 -device virtio-net-pci,id=n")[1:],
            *["-device", '{"driver":"vfio-pci"', "-device", "{", "-device", "vfio-pci"],
        ]
    )
    assert found.devices == [
        VmDevice(VF, "net0", "rp1", True, "on", True),
        VmDevice(VF, "h0", "pci.5", True),
        VmDevice("0000:c1:00.3"),
    ]


def test_the_rest() -> None:
    found = parse_command_line(
        line("-machine q35,accel=kvm -uuid 2c1b6f0e-0f0e-4d0c-8f0a-0d3f3a0c5a11 -incoming defer")
    )
    assert (found.machine, found.accel, found.incoming) == ("q35", "kvm", True)
    assert found.uuid == "2c1b6f0e-0f0e-4d0c-8f0a-0d3f3a0c5a11"
    assert parse_command_line(line("-M type=pc-q35-10.0,usb=off -accel tcg,thread=multi")).machine == "pc-q35-10.0"
    assert parse_command_line(line("-enable-kvm -M q35")).accel == "kvm"


@given(st.lists(st.text(max_size=40), max_size=12))
def test_any_command_line_is_taken(words: list[str]) -> None:
    parse_command_line(["qemu", *words])


@given(st.sampled_from(["-device", "-m", "-smp", "-chardev", "-mon", "-machine", "-qmp"]), st.text(max_size=60))
def test_any_value_is_taken(option: str, value: str) -> None:
    parse_command_line(["qemu", option, value])


def test_every_vm_of_the_host_is_found() -> None:
    doors = open_simulated("duo")
    doors.kernel.start_vm(VmPlan("bare", memory_mb=1024, vcpus=1, accel="tcg", style="plain"))
    doors.kernel.start_vm(VmPlan("px", style="proxmox", machine_id=104))
    found = {vm.name: vm for vm in scan_holders(doors).vms}
    assert found.keys() == {"web-2", "db-1", "cache-1", "fw-1", "bare", "px"}
    web = found["web-2"]
    assert (web.memory, web.vcpus, web.qemu, web.manager) == (8 * GIB, 4, True, VmManager.NONE)
    assert web.monitors == ("/run/vm/web-2.qmp",)
    assert [device.device for device in web.devices] == [VF]
    assert web.pinned == 8 * GIB
    assert found["cache-1"].manager is VmManager.LIBVIRT
    assert found["cache-1"].monitors == ()
    assert found["cache-1"].lock_limit == 17 * GIB
    assert found["px"].manager is VmManager.PROXMOX
    assert found["bare"].devices == ()


def test_without_root_they_are_seen_too() -> None:
    doors = open_simulated("duo", privileged=False)
    found = {vm.name: vm for vm in scan_holders(doors).vms}
    assert found["web-2"].vcpus == 4


def test_what_cannot_be_read_says_so() -> None:
    doors = open_simulated("duo")
    doors.faults.fail_path("/proc/20211/status", 13)
    web = next(vm for vm in scan_holders(doors).vms if vm.name == "web-2")
    assert web.locked is None
    assert web.notes["locked"].state is FactState.HIDDEN


@pytest.mark.parametrize(
    ("capabilities", "users", "limit"),
    [
        ("000001ffffffffff", "0 0 4294967295", None),
        ("0000000000004000", "0 0 4294967295", None),
        ("000001ffffffbfff", "0 0 4294967295", 8388608),
        ("000001ffffffffff", "0 100000 65536", 8388608),  # root of a container is held to it
        ("", "0 0 4294967295", 8388608),
        ("000001ffffffffff", "", None),  # a kernel without user namespaces
    ],
)
def test_the_limit_of_locked_memory_holds_for_whom_the_kernel_holds_to_it(
    tmp_path: Path, capabilities: str, users: str, limit: int | None
) -> None:
    doors = open_simulated("bare")
    pid = doors.kernel.start_vm(VmPlan("web", memory_mb=1024, vcpus=1, accel="tcg", style="plain")).pid
    folder = tmp_path / f"proc/{pid}"
    folder.mkdir(parents=True)
    (folder / "status").write_text(
        f"VmLck:\t0 kB\nVmPin:\t0 kB\nCapEff:\t{capabilities}\n" if capabilities else "VmLck:\t0 kB\n"
    )
    (folder / "limits").write_text("Max locked memory         8388608              8388608              bytes     \n")
    if users:
        (folder / "uid_map").write_text(f"{users}\n")
    vm = read_vm(TreeFiles({"/proc": str(tmp_path / "proc")}), doors.processes, pid, ["qemu-system-x86_64"])
    assert vm is not None
    assert vm.lock_limit == limit


def test_they_survive_the_pipe() -> None:
    found = scan_holders(open_simulated("duo"))
    assert HolderFindings.from_json(found.to_json()) == found


def test_they_are_in_the_picture(scenario: Callable[..., Host]) -> None:
    host = scenario("duo")
    assert [vm.name for vm in host.vms.values()] == ["cache-1", "db-1", "fw-1", "web-2"]
    assert all(host.vms[vm.pid] is vm for vm in host.vms.values())
