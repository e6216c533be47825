"""What may be written, and where a write can lead: nowhere else."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.host.linux import LinuxHost
from backend.host.ownership import changeable, files_below
from backend.host.writing import may_be_written, write

ROOT = Path(__file__).resolve().parents[3]
PF = "0000:3b:00.0"
NUMVFS = f"/sys/bus/pci/devices/{PF}/sriov_numvfs"
WRITER = "backend.host.writing"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A /sys with a PF, as the kernel lays it out."""
    device = tmp_path / f"sys/devices/pci0000:3a/{PF}"
    device.mkdir(parents=True)
    (device / "sriov_numvfs").write_text("0\n")
    devices = tmp_path / "sys/bus/pci/devices"
    devices.mkdir(parents=True)
    (devices / PF).symlink_to(f"../../../devices/pci0000:3a/{PF}")
    return tmp_path / "sys"


def put(tree: Path, path: str, data: str = "4\n") -> None:
    """Write below a tree."""
    write({"root": str(tree), "path": path, "data": data})


async def test_links_within_sys_are_followed(tree: Path) -> None:
    host = LinuxHost(str(tree), writer=WRITER)
    await host.guarded.write(NUMVFS, b"4\n", deadline=20)
    assert (tree / f"devices/pci0000:3a/{PF}/sriov_numvfs").read_text() == "4\n"
    host.close()


async def test_without_a_writer_there_is_no_way_to_write(tree: Path) -> None:
    host = LinuxHost(str(tree))
    with pytest.raises(OSError, match="no way to write") as caught:
        await host.guarded.write(NUMVFS, b"4\n", deadline=20)
    assert caught.value.errno == errno.EROFS
    assert (tree / f"devices/pci0000:3a/{PF}/sriov_numvfs").read_text() == "0\n"
    host.close()


@pytest.mark.parametrize(
    "path",
    [
        NUMVFS,
        "/sys/bus/pci/devices/10000:e1:00.0/driver_override",
        "/sys/bus/pci/drivers/vfio-pci/bind",
        "/sys/bus/pci/drivers_probe",
        "/sys/bus/mdev/devices/83b8f4f2-509f-382f-3c1e-e6bfe0fa1001/remove",
        "/sys/class/mdev_bus/0000:00:02.0/mdev_supported_types/i915-GVTg_V5_4/create",
        "/sys/devices/virtual/mtty/mtty/mdev_supported_types/mtty-1/create",
        "/sys/kernel/iommu_groups/42/type",
        "/sys/module/vfio_pci/parameters/enable_sriov",
    ],
)  # fmt: skip
def test_what_iovtop_writes(path: str) -> None:
    assert may_be_written(path)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "/proc/sysrq-trigger",
        "/dev/sda",
        "/sys",
        "/sys/",
        "sys/bus/pci/drivers_probe",
        "/sys/power/state",
        "/sys/kernel/uevent_helper",
        "/sys/bus/pci/drivers/vfio-pci/new_id",
        "/sys/bus/pci/rescan",
        f"/sys/bus/pci/devices/{PF}/remove",
        f"/sys/bus/pci/devices/{PF}/resource0",
        f"/sys/bus/pci/devices/{PF}/config",
        f"{NUMVFS}\n",
        f"{NUMVFS}/",
        f"{NUMVFS}/../config",
        "/sys/bus/pci/devices/../devices/0000:3b:00.0/sriov_numvfs",
        "/sys/bus/pci/drivers/../bind",
        "/sys/bus/pci/drivers/a/b/bind",
        "/sys/devices/../mdev_supported_types/x/create",
        "/sys/devices/.hidden/mdev_supported_types/x/create",
        "/sys/devices//mdev_supported_types/x/create",
        "/sys/bus/pci/devices/0000:3b:00.٠/sriov_numvfs",
    ],
)
def test_what_it_never_writes(tree: Path, path: str) -> None:
    assert not may_be_written(path)
    with pytest.raises(PermissionError, match="no file that iovtop writes"):
        put(tree, path)


@given(st.text() | st.builds("/sys/bus/pci/drivers/{}/bind".format, st.text(max_size=140)))
def test_no_path_that_may_be_written_leads_up(path: str) -> None:
    if may_be_written(path):
        assert path == os.path.normpath(path)
        assert path.isascii()
        assert path.isprintable()


@pytest.mark.parametrize("target", ["{outside}", "../../../../../outside"])
def test_a_link_out_of_sys_is_not_followed(tree: Path, target: str) -> None:
    outside = tree.parent / "outside"
    outside.mkdir()
    (outside / "sriov_numvfs").write_text("0\n")
    place = tree / f"bus/pci/devices/{PF}"
    place.unlink()
    place.symlink_to(target.format(outside=outside))
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the errno is what matters
        put(tree, NUMVFS)
    assert caught.value.errno in (errno.EXDEV, errno.ENOENT)
    assert (outside / "sriov_numvfs").read_text() == "0\n"


def test_a_file_that_is_a_link_is_not_followed(tree: Path) -> None:
    file = tree / f"devices/pci0000:3a/{PF}/sriov_numvfs"
    file.rename(file.with_name("other"))
    file.symlink_to("other")
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the errno is what matters
        put(tree, NUMVFS)
    assert caught.value.errno == errno.ELOOP


def test_nothing_is_made(tree: Path) -> None:
    with pytest.raises(FileNotFoundError):
        put(tree, "/sys/bus/pci/drivers/none/bind")
    assert not (tree / "bus/pci/drivers").exists()


_FORGED = """
import errno, sys
from backend.host.writing import write
try:
    write({"root": "/sys", "path": sys.argv[1], "data": "4"})
except PermissionError as error:
    print(error.strerror)
"""


@pytest.mark.root
def test_what_is_mounted_over_sys_is_not_written(tree: Path) -> None:
    if os.geteuid():
        pytest.skip("mounting needs root")
    script = 'mount --bind "$1" /sys && exec "$2" -c "$3" "$4"'
    words = ["unshare", "-m", "sh", "-c", script, "sh", str(tree), sys.executable, _FORGED, NUMVFS]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    if "permission denied" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert (done.returncode, done.stdout.strip()) == (0, "this is no file of the kernel"), done.stderr
    assert (tree / f"devices/pci0000:3a/{PF}/sriov_numvfs").read_text() == "0\n"


@pytest.mark.root
def test_who_may_change_a_program_is_found_out(tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("giving files away needs root")
    inside = tmp_path / "lib/a.py"
    inside.parent.mkdir()
    inside.write_text("")
    above = changeable([str(tmp_path)])
    assert above == ""
    assert changeable(files_below(str(tmp_path))) == ""
    inside.chmod(0o666)
    assert changeable(files_below(str(tmp_path))) == str(inside)
    inside.chmod(0o644)
    os.chown(inside.parent, 65534, 0)
    assert changeable([str(inside)]) == str(inside.parent)
    os.chown(inside.parent, 0, 0)
    link = tmp_path / "link"
    link.symlink_to(inside)
    os.chown(inside, 65534, 0)
    assert changeable([str(link)]) == str(inside)
