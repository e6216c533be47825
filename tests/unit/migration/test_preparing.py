"""The command line of a destination, from that of the source."""

from __future__ import annotations

import pytest

from backend.migration.preparing import destination_command, hindrances, waiting_path
from backend.model.vm import Vm, VmManager

MONITOR = "/run/vm/web.qmp"
SOURCE = (
    "qemu-system-x86_64", "-name", "web", "-daemonize", "-pidfile", "/run/web.pid", "-m", "2G",
    "-qmp", f"unix:{MONITOR},server=on,wait=off", "-device", "pcie-root-port,id=rp0,chassis=1",
    "-device", "vfio-pci,host=0000:c1:00.2,id=net,bus=rp0",
)  # fmt: skip


def test_the_device_is_put_in_the_place_of_the_other() -> None:
    made = destination_command(SOURCE, MONITOR, "/run/vm/web.in.qmp", {"0000:c1:00.2": "0000:c1:00.7"}, program="/q")
    assert made == (
        "/q", "-name", "web", "-m", "2G", "-qmp", "unix:/run/vm/web.in.qmp,server=on,wait=off",
        "-device", "pcie-root-port,id=rp0,chassis=1", "-device", "vfio-pci,host=0000:c1:00.7,id=net,bus=rp0",
        "-incoming", "defer",
    )  # fmt: skip


def test_a_device_that_is_unplugged_is_left_out_and_its_port_stays() -> None:
    made = destination_command(SOURCE, MONITOR, "/x", {"0000:c1:00.2": ""})
    assert "vfio-pci" not in " ".join(made)
    assert "pcie-root-port,id=rp0,chassis=1" in made


def test_an_older_incoming_is_replaced() -> None:
    made = destination_command(("q", "-incoming", "tcp:0:1", "-S"), MONITOR, "/x", {})
    assert made == ("q", "-incoming", "defer")


@pytest.mark.parametrize(
    ("taken", "expected"),
    [((), "/run/vm/web.in.qmp"), (("/run/vm/web.in.qmp",), "/run/vm/web.in2.qmp")],
)
def test_the_monitor_is_beside_and_not_in_the_way(taken: tuple[str, ...], expected: str) -> None:
    assert waiting_path(MONITOR, taken) == expected


@pytest.mark.parametrize(
    ("more", "uid", "cause"),
    [
        ((), 0, ""),
        ((), 107, "it runs as user 0, and the destination would run as 107"),
        (("-vnc", "127.0.0.1:1"), 0, "-vnc 127.0.0.1:1 listens where"),
        (("-netdev", "user,id=n,hostfwd=tcp::2222-:22"), 0, "forwards a port of the host"),
        (("-netdev", "tap,id=n,ifname=tap0"), 0, "takes a tap interface by its name"),
        (("-netdev", "tap,id=n,fd=25"), 0, "was given open files"),
        (("-chardev", "socket,id=c,path=/run/serial,server=on"), 0, "makes a socket"),
        (("-serial", "pty"), 0, "opens a pseudo-terminal"),
    ],
)
def test_what_cannot_be_used_twice_is_said(more: tuple[str, ...], uid: int, cause: str) -> None:
    vm = Vm(1, 0.0, "web", "qemu-system-x86", True, VmManager.NONE, uid=0)
    causes = [reason.cause for reason in hindrances(vm, (*SOURCE, *more), MONITOR, uid)]
    assert len(causes) == (1 if cause else 0)
    assert not cause or cause in causes[0]


def test_a_command_line_that_cannot_be_read_is_said() -> None:
    vm = Vm(1, 0.0, "web", "qemu-system-x86", True, VmManager.NONE, uid=0)
    assert "its command line cannot be read" in [reason.cause for reason in hindrances(vm, (), MONITOR, 0)]
