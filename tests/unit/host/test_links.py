"""The network side of this machine, asked from children; and of hosts that are only files."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from backend.host.captured import CapturedHost
from backend.host.links import LinuxLinks
from backend.host.linux import LinuxHost
from backend.model.links import EswitchMode
from tests.unit.host.test_leftbehind import ROOT

CAPTURE = next(iter(sorted((ROOT / "tests/data/lab").glob("*.tar.gz"))))


async def test_a_child_reads_this_machine() -> None:
    host = LinuxHost()
    table = await host.links.vfs("lo", statistics=True, deadline=20)
    assert (table.interface, table.index, table.parent, table.vfs) == ("lo", 1, "", ())
    with pytest.raises(OSError, match="No such device") as caught:
        await host.links.vfs("nosuch0", deadline=20)
    assert (caught.value.errno, caught.value.filename) == (errno.ENODEV, "nosuch0")
    assert host.links.waiting() == ()
    host.close()


async def test_nothing_is_set_on_the_interface_of_another_device() -> None:
    links = LinuxLinks(setting=True)
    with pytest.raises(OSError, match="no such network interface of a device") as caught:
        await links.set_vf("lo", "0000:01:00.0", 0, "trust", True, deadline=20)
    assert caught.value.errno == errno.ENODEV
    with pytest.raises(OSError, match="no name of an interface") as caught:
        await links.set_vf("../net/lo", "0000:01:00.0", 0, "trust", True, deadline=20)
    assert caught.value.errno == errno.EINVAL
    links.close()


async def test_a_host_without_a_writer_sets_nothing() -> None:
    links = LinuxHost().links
    for question in (
        links.set_vf("lo", "0000:01:00.0", 0, "trust", True, deadline=20),
        links.set_eswitch("pci/0000:01:00.0", EswitchMode.LEGACY, deadline=20),
        links.set_port("pci/0000:01:00.0", 1, "migratable", True, deadline=20),
    ):
        with pytest.raises(OSError, match="no way to set anything") as caught:
            await question
        assert caught.value.errno == errno.EROFS
    links.close()


async def test_devlink_is_asked_and_says_no() -> None:
    links = LinuxLinks()
    for question in (links.eswitch("pci/0000:ff:1f.7", deadline=20), links.ports("pci/0000:ff:1f.7", deadline=20)):
        with pytest.raises(OSError, match=r"devlink|No such device") as caught:
            await question
        assert caught.value.errno in (errno.EOPNOTSUPP, errno.ENODEV)
        assert caught.value.filename == "pci/0000:ff:1f.7"
    links.close()


def test_pyroute2_stays_in_the_child() -> None:
    program = (
        "import asyncio, sys; from backend.host.links import LinuxLinks; links = LinuxLinks(setting=True)\n"
        "try: asyncio.run(links.set_vf('lo', 'x', 0, 'trust', True, deadline=20))\n"
        "except OSError: pass\n"
        "links.close(); sys.exit('pyroute2' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("kind", ["tree", "capture"])
async def test_files_have_no_network(kind: str, tmp_path: Path) -> None:
    host = LinuxHost(sysfs=str(tmp_path)) if kind == "tree" else CapturedHost(CAPTURE)
    links = host.links
    questions: list[Callable[[], Awaitable[object]]] = [
        lambda: links.vfs("eth0", deadline=1),
        lambda: links.set_vf("eth0", "0000:01:00.0", 0, "trust", True, deadline=1),
        lambda: links.eswitch("pci/0000:01:00.0", deadline=1),
        lambda: links.set_eswitch("pci/0000:01:00.0", EswitchMode.LEGACY, deadline=1),
        lambda: links.ports("pci/0000:01:00.0", deadline=1),
        lambda: links.set_port("pci/0000:01:00.0", 1, "migratable", True, deadline=1),
    ]
    for question in questions:
        with pytest.raises(OSError, match="its network cannot be asked") as caught:
            await question()
        assert caught.value.errno == errno.EOPNOTSUPP
    assert links.waiting() == ()
    host.close()
