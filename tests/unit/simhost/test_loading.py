"""Errors in scenario files: they say where, what, and what would be allowed."""

from __future__ import annotations

import pytest

from backend.simhost.build import build
from backend.simhost.clock import ManualClock
from backend.simhost.decode import ScenarioError
from backend.simhost.load import parse
from backend.simhost.open import open_scenario

HOST = '[host]\nname = "x"\n'
PORT = '[[port]]\naddress = "0000:00:01.0"\nbuses = [1, 1]\n'
IGB = '[[function]]\naddress = "0000:01:00.0"\nmodel = "igb"\n'


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("", "t.host: missing"),
        ("[host", "t: not valid TOML"),
        ("[host]\n", "t.host.name: missing"),
        ("host = 3\n", "t.host: a table is wanted here, not 3"),
        (HOST + "cpus = 1.5\n", "t.host.cpus: a whole number is wanted, not 1.5"),
        (HOST + "cpus = true\n", "t.host.cpus: a whole number is wanted"),
        (HOST + "cdev = 1\n", "t.host.cdev: true or false is wanted"),
        (HOST + "cpu = 2\n", "t.host.cpu: no such key; did you mean 'cpus'"),
        (HOST + 'group_type = "dma"\n', "'dma' is not known; did you mean 'DMA'"),
        (HOST + 'drivers = "vfio-pci"\n', "t.host.drivers: a list is wanted"),
        (HOST + 'drivers = ["vfio_pci"]\n', "did you mean 'vfio-pci'"),
        (HOST + "function = 3\n", "t.host.function: no such key"),
        (HOST + '[[function]]\naddress = "01:00.0"\nmodel = "igb"\n', "is no PCI address"),
        (HOST + '[[function]]\naddress = "0000:01:00.0"\nmodel = "ibg"\n', "did you mean 'igb'"),
        (HOST + IGB + 'driver = "igbx"\n', "did you mean 'igb'"),
        (HOST + IGB + "vfs = 8\n", "has at most 7 VFs"),
        (HOST + '[[function]]\naddress = "0000:01:00.0"\nmodel = "e1000"\nvfs = 1\n', "has no VFs"),
        (HOST + '[[port]]\naddress = "0000:00:01.0"\nbuses = [2, 1]\n', "two bus numbers"),
        (HOST + '[[mdev_parent]]\nname = "m"\nfamily = "mttx"\n', "did you mean 'mtty'"),
        (HOST + '[[timeline]]\nat = 1.0\ndo = "startvm"\n', "did you mean 'start-vm'"),
        (HOST + '[[timeline]]\nat = 1.0\ndo = "start-vm"\nvm = "web"\n', "'web' is not known"),
        (HOST + '[options]\npfs = "many"\n', "t.options.pfs: a whole number"),
    ],
)
def test_what_a_file_may_not_say(toml: str, says: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        parse(toml, "t")
    assert says in str(raised.value)
    assert "\n" not in str(raised.value).split(": not valid TOML")[0]


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        (HOST + IGB + "vfs = 2\n", "do not fit into the bus numbers"),
        (HOST + PORT + IGB + 'vfs = 2\ndriver = ""\n', "need a driver that can enable them"),
        (HOST + PORT + IGB + 'vfs = 2\ndriver = "pci-stub"\n', "need a driver that can enable them"),
        (HOST + '[[mdev]]\nuuid = "u"\nparent = "m"\ntype = "t"\n', "m offers no type t"),
        (HOST + '[[vm]]\nname = "v"\ndevices = ["0000:01:00.0"]\n', "vm v: no device"),
        (HOST + PORT + IGB + '[[vm]]\nname = "v"\ndevices = ["0000:01:00.0"]\n', "vm v: No such file"),
        (HOST + '[[interface]]\nname = "br0"\nports = ["eth9"]\n', "no port 'eth9'"),
        (HOST.replace("x", "y") + 'iommu = ""\n' + PORT + IGB + 'driver = "vfio-pci"\n', "Invalid argument"),
    ],
)
def test_what_contradicts_itself(toml: str, says: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        build(parse(toml, "t"), ManualClock())
    assert says in str(raised.value)


def test_a_small_scenario() -> None:
    kernel = build(parse(HOST + PORT + IGB + "vfs = 3\n", "t"), ManualClock())
    assert [f for f in kernel.pci.functions if f.startswith("0000:01:1")] == [
        "0000:01:10.0",
        "0000:01:10.2",
        "0000:01:10.4",
    ]


async def test_windows_too_small_for_all_vfs() -> None:
    host = open_scenario(parse(HOST + PORT + IGB + "enomem_above = 3\n", "t"), "t", clock=ManualClock())
    path = "/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs"
    with pytest.raises(OSError, match="Cannot allocate memory"):
        await host.guarded.write(path, b"4", deadline=1.0)
    await host.guarded.write(path, b"3", deadline=1.0)
    assert host.files.read(path) == b"3\n"


async def test_vfs_without_acs_share_the_pfs_group() -> None:
    host = open_scenario(parse(HOST + PORT + IGB + "shared_group = true\nvfs = 2\n", "t"), "t", clock=ManualClock())
    group = host.files.readlink("/sys/bus/pci/devices/0000:01:00.0/iommu_group")
    assert host.files.readlink("/sys/bus/pci/devices/0000:01:10.2/iommu_group") == group
