"""The doors to files and processes, on trees of our own and on this machine."""

from __future__ import annotations

import errno
import os
import pwd
import socket
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from backend.host.clock import SystemClock
from backend.host.directory import LinuxDirectory
from backend.host.linux import LinuxFiles, LinuxHost, LinuxProcesses
from backend.host.tree import TreeFiles
from backend.host.uevents import KernelEvents, NoEvents
from backend.model.source import Source


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small foreign /sys."""
    sys = tmp_path / "sys"
    device = sys / "devices/pci0000:00/0000:00:01.0"
    device.mkdir(parents=True)
    (device / "vendor").write_bytes(b"0x8086\n")
    (device / "power").mkdir()
    (device / "power/runtime_status").write_bytes(b"active\n")
    os.mkfifo(device / "hangs")
    bus = sys / "bus/pci/devices"
    bus.mkdir(parents=True)
    (bus / "0000:00:01.0").symlink_to("../../../devices/pci0000:00/0000:00:01.0")
    return sys


def test_files_of_a_foreign_tree(tree: Path) -> None:
    files = TreeFiles({"/sys": str(tree) + "/"})
    where = "/sys/bus/pci/devices/0000:00:01.0"
    assert files.list("/sys/bus/pci/devices") == ["0000:00:01.0"]
    assert files.readlink(where) == "../../../devices/pci0000:00/0000:00:01.0"
    assert files.read(f"{where}/vendor") == b"0x8086\n"
    assert files.read(f"{where}/vendor", 3) == b"0x8"
    assert files.stat(f"{where}/vendor").rdev == (0, 0)
    with files.open_dir(where) as directory:
        assert directory.read("power/runtime_status") == b"active\n"
        assert directory.read("vendor", 4) == b"0x80"
        assert sorted(directory.list()) == ["hangs", "power", "vendor"]
        assert directory.list("power") == ["runtime_status"]


@pytest.mark.parametrize(
    "path",
    [
        "/dev/vfio",
        "/dev/null",
        "/etc/mdevctl.d",
        "/etc/hostname",
        "/proc/cmdline",
        "/proc/self/mountinfo",
        "/proc",
        "/",
    ],
)
def test_nothing_of_this_machine_shows_through_a_foreign_tree(tree: Path, path: str) -> None:
    files = TreeFiles({"/sys": str(tree)})
    for access in (files.list, files.read, files.readlink, files.stat, files.open_dir):
        with pytest.raises(FileNotFoundError):
            access(path)
    assert LinuxHost(str(tree)).processes is None


def test_a_foreign_procfs_is_the_only_one(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cmdline").write_text("quiet\n")
    files = TreeFiles({"/sys": str(tree), "/proc": str(tmp_path / "proc")})
    assert files.read("/proc/cmdline") == b"quiet\n"
    with pytest.raises(FileNotFoundError):
        files.read("/proc/self/stat")


def test_a_fifo_does_not_hang_its_reader(tree: Path) -> None:
    where = "/sys/bus/pci/devices/0000:00:01.0"
    assert TreeFiles({"/sys": str(tree)}).read(f"{where}/hangs") == b""
    with TreeFiles({"/sys": str(tree)}).open_dir(where) as directory:
        assert directory.read("hangs") == b""


def test_errors_are_the_kernels(tree: Path) -> None:
    files = TreeFiles({"/sys": str(tree)})
    where = "/sys/devices/pci0000:00/0000:00:01.0"
    with files.open_dir(where) as directory:
        for call, code in (
            (lambda: directory.read("nothing"), errno.ENOENT),
            (lambda: directory.read("power"), errno.EISDIR),
            (lambda: directory.readlink("vendor"), errno.EINVAL),
            (lambda: directory.list("vendor"), errno.ENOTDIR),
        ):
            with pytest.raises(OSError) as caught:  # noqa: PT011 - the errno is what matters
                call()
            assert caught.value.errno == code


def test_an_open_directory_is_never_another_device_of_that_name(tree: Path) -> None:
    where = tree / "devices/pci0000:00/0000:00:01.0"
    with LinuxDirectory(str(where)) as directory:
        where.rename(where.with_name("gone"))
        where.mkdir()
        (where / "vendor").write_bytes(b"0x10de\n")
        assert directory.read("vendor") == b"0x8086\n"


def test_closing_twice_closes_nothing_of_others(tree: Path) -> None:
    directory = LinuxDirectory(str(tree))
    directory.close()
    other = os.open(os.devnull, os.O_RDONLY)
    try:
        directory.close()
        os.fstat(other)
    finally:
        os.close(other)


def test_reading_leaves_no_descriptor_behind(tree: Path) -> None:
    files = TreeFiles({"/sys": str(tree)})
    before = os.listdir("/proc/self/fd")
    for _ in range(3):
        with files.open_dir("/sys/devices/pci0000:00/0000:00:01.0") as directory:
            directory.read("vendor")
            directory.list("power")
            for name in ("nothing", "power"):
                with pytest.raises(OSError):  # noqa: PT011 - any
                    directory.read(name)
        files.read("/sys/devices/pci0000:00/0000:00:01.0/vendor")
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_a_long_file_of_proc_comes_whole() -> None:
    assert LinuxFiles().read("/proc/self/smaps", 64 << 20).rstrip().splitlines()[-1].startswith(b"VmFlags")


def test_a_sysctl_is_read_however_much_is_asked_for() -> None:
    assert LinuxFiles().read("/proc/sys/kernel/osrelease", 64 << 20).decode() == f"{os.uname().release}\n"


def test_where_the_facts_come_from(tree: Path) -> None:
    assert LinuxHost().source == Source("live")
    foreign = LinuxHost(str(tree), "/p")
    assert foreign.source == Source("tree", f"sysfs {tree}, procfs /p")
    assert isinstance(LinuxHost().events, KernelEvents)
    assert isinstance(foreign.events, NoEvents)
    assert foreign.processes is not None


async def test_a_tree_has_no_events() -> None:
    with pytest.raises(OSError, match="no kernel events"):
        await anext(NoEvents().stream())


def test_names_of_hosts(tree: Path, tmp_path: Path) -> None:
    assert LinuxHost().name() == socket.gethostname()
    assert LinuxHost(str(tree)).name() == tmp_path.name
    (tmp_path / "proc/sys/kernel").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/hostname").write_text("hv07\n")
    assert LinuxHost(str(tree), str(tmp_path / "proc")).name().strip() == "hv07"


def test_closing_a_host_never_waits_and_may_be_done_twice() -> None:
    host = LinuxHost()
    assert host.guarded is host.guarded
    host.close()
    host.close()


def test_this_process_described() -> None:
    processes = LinuxProcesses()
    assert os.getpid() in processes.pids()
    me = processes.describe(os.getpid())
    assert me.uid == os.geteuid()
    assert me.user == pwd.getpwuid(os.geteuid()).pw_name
    assert me.start_time == pytest.approx(psutil.Process().create_time(), abs=1)
    assert list(me.argv) == psutil.Process().cmdline()


def test_a_process_that_has_ended() -> None:
    with subprocess.Popen(["true"]) as child:
        pass
    with pytest.raises(ProcessLookupError):
        LinuxProcesses().describe(child.pid)


def test_processes_of_a_tree_without_the_rest_of_proc(tmp_path: Path) -> None:
    (tmp_path / "12").mkdir()
    (tmp_path / "١٢").mkdir()
    (tmp_path / "12/stat").write_text("not what the kernel writes")
    processes = LinuxProcesses(str(tmp_path))
    assert list(processes.pids()) == [12]
    with pytest.raises(ProcessLookupError):
        processes.describe(12)


def test_after_a_foreign_tree_psutil_knows_this_machine_again(tmp_path: Path) -> None:
    with pytest.raises(ProcessLookupError):
        LinuxProcesses(str(tmp_path)).describe(os.getpid())
    assert psutil.Process().pid == os.getpid()


async def test_the_systems_clock() -> None:
    clock = SystemClock()
    before, wall = clock.monotonic(), clock.time()
    await clock.sleep(0.01)
    assert clock.monotonic() - before >= 0.01
    assert abs(wall - time.time()) < 60
