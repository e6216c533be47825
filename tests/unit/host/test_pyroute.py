"""The messages that go to devlink and rtnetlink, as the kernel will read them."""

from __future__ import annotations

from typing import Any

import pytest
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from backend.host.pyroute import OPERATIONS, _function, _Message, _port
from backend.host.rtnetlink import parse_link
from backend.model.links import DevlinkPort, PortFunction, PortState, Vlan, VlanProtocol


def sent(function: list[tuple[str, Any]], **more: Any) -> Any:
    """Return a message as it comes out at the other end."""
    message = _Message()
    message["cmd"], message["version"] = 7, 1
    message["attrs"] = [
        ["BUS_NAME", "pci"], ["DEV_NAME", "0000:c1:00.0"], ["PORT_INDEX", 5],
        *([name, value] for name, value in more.items()),
        *([["PORT_FUNCTION", {"attrs": function}]] if function else []),
    ]  # fmt: skip
    message.encode()
    received = _Message(bytes(message.data))
    received.decode()
    return received


def test_a_port_and_its_function() -> None:
    function = [
        ("FN_HW_ADDR", bytes.fromhex("020000000042")),
        ("FN_STATE", 1),
        ("FN_OPSTATE", 0),
        ("FN_CAPS", {"on": 2, "which": 3}),
        ("FN_MAX_IO_EQS", 24),
    ]
    assert _port(sent(function, PORT_FLAVOUR=4, PORT_PCI_VF_NUMBER=3, PORT_NETDEV_NAME="ens3f0npf0vf3")) == DevlinkPort(
        "pci/0000:c1:00.0", 5, "pcivf", 3, "ens3f0npf0vf3",
        PortFunction("02:00:00:00:00:42", True, False, PortState.ACTIVE, False, 24),
    )  # fmt: skip


def test_a_port_that_tells_little() -> None:
    assert _port(sent([], PORT_FLAVOUR=99)) == DevlinkPort("pci/0000:c1:00.0", 5, "99")
    assert _function(sent([("FN_CAPS", {"on": 0, "which": 2})]).get_attr("PORT_FUNCTION")) == PortFunction(
        migratable=False
    )


def test_the_function_is_marked_as_nested() -> None:
    """Kernels from 5.2 refuse it otherwise."""
    message = _Message()
    message["attrs"] = [["PORT_FUNCTION", {"attrs": [("FN_STATE", 1)]}]]
    message.encode()
    assert bytes(message.data)[20:24] == b"\x0c\x00\x91\x80"


@pytest.mark.parametrize("protocol", list(VlanProtocol))
def test_a_vlan_fills_the_whole_structure(protocol: VlanProtocol) -> None:
    """``struct ifla_vf_vlan_info`` ends with padding that the kernel insists on."""
    vlan = {"vf": 0, "vlan": 5, "qos": 1, "proto": {"802.1Q": 0x8100, "802.1ad": 0x88A8}[protocol]}
    message = ifinfmsg()
    message["header"]["type"] = 16
    info = ("IFLA_VF_INFO", {"attrs": [("IFLA_VF_VLAN_LIST", {"attrs": [("IFLA_VF_VLAN_INFO", vlan)]})]})
    message["attrs"] = [("IFLA_NUM_VF", 1), ("IFLA_VFINFO_LIST", {"attrs": [info]})]
    message.encode()
    raw = bytes(message.data)
    assert raw.endswith(b"\x14\x00\x01\x00" + raw[-16:])
    assert parse_link(raw).vfs[0].vlan == Vlan(5, 1, protocol)


def test_what_the_child_can_do_is_a_closed_list() -> None:
    assert sorted(OPERATIONS) == ["eswitch", "ports", "set_eswitch", "set_port", "set_vf"]
