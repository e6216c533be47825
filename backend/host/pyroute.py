"""What pyroute2 does for us: setting VF policy, and devlink. It is imported here only, in a child process.

A driver may take as long as it likes over each of these, so the child can be left behind.
Sources: ``include/uapi/linux/devlink.h``, ``net/devlink/port.c``.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import msgspec
from pyroute2 import IPRoute
from pyroute2.netlink import NLA_F_NESTED, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, genlmsg, nla
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.generic import GenericNetlinkSocket
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from backend.model.links import DevlinkPort, EswitchMode, PortFunction, PortState, VfLinkState

_GET, _PORT_GET, _PORT_SET, _ESWITCH_GET, _ESWITCH_SET = 1, 5, 6, 29, 30
_FLAVOURS = ("physical", "cpu", "dsa", "pcipf", "pcivf", "virtual", "unused", "pcisf")
_ROCE, _MIGRATABLE = 1, 2
_PROTOCOLS = {"802.1Q": 0x8100, "802.1ad": 0x88A8}

# The kernel takes the whole structure only, padding included (EINVAL otherwise); pyroute2 leaves that out.
_vlan_info = ifinfmsg.vflist.vfinfo.vf_vlist.ivvi
_vlan_info.fields = (*_vlan_info.fields, ("__pad", "2x"))


class _PortFunction(nla):  # type: ignore[misc]
    """``DEVLINK_ATTR_PORT_FUNCTION``, which pyroute2 does not know from within."""

    nla_flags = NLA_F_NESTED
    nla_map: ClassVar[Any] = (
        (1, "FN_HW_ADDR", "binary"),
        (2, "FN_STATE", "uint8"),
        (3, "FN_OPSTATE", "uint8"),
        (4, "FN_CAPS", "caps"),
        (6, "FN_MAX_IO_EQS", "uint32"),
    )

    class caps(nla):  # type: ignore[misc]
        """Which capabilities are told of, and of these, which are on."""

        fields: ClassVar[Any] = (("on", "I"), ("which", "I"))


class _Message(genlmsg):  # type: ignore[misc]
    """The attributes of devlink that are used here."""

    nla_map: ClassVar[Any] = (
        (1, "BUS_NAME", "asciiz"),
        (2, "DEV_NAME", "asciiz"),
        (3, "PORT_INDEX", "uint32"),
        (7, "PORT_NETDEV_NAME", "asciiz"),
        (25, "ESWITCH_MODE", "uint16"),
        (77, "PORT_FLAVOUR", "uint16"),
        (128, "PORT_PCI_VF_NUMBER", "uint16"),
        (145, "PORT_FUNCTION", "function"),
    )
    function = _PortFunction


@contextmanager
def _errors() -> Iterator[None]:
    """Turn what pyroute2 raises into the ``OSError`` it stands for."""
    try:
        yield
    except NetlinkError as error:
        raise OSError(error.code, str(error.args[1]) or os.strerror(error.code)) from None


class _Devlink:
    """A socket to devlink. Raises ``EOPNOTSUPP`` where the kernel has none."""

    def __init__(self) -> None:
        self._socket = GenericNetlinkSocket(ext_ack=True)
        try:
            self._socket.bind("devlink", _Message)
        except NetlinkError as error:
            self._socket.close()
            if error.code != errno.ENOENT:
                raise
            raise OSError(errno.EOPNOTSUPP, "this kernel has no devlink, or no driver that uses it") from None

    def ask(self, command: int, device: str, attributes: Mapping[str, Any] | None = None, *, dump: bool = False) -> Any:
        """Return the answers to one command."""
        message = _Message()
        message["cmd"], message["version"] = command, 1
        bus, _, name = device.partition("/")
        message["attrs"] = [["BUS_NAME", bus], ["DEV_NAME", name], *map(list, (attributes or {}).items())]
        flags = NLM_F_REQUEST | (NLM_F_DUMP if dump else NLM_F_ACK)
        return self._socket.nlm_request(message, msg_type=self._socket.prid, msg_flags=flags)

    def close(self) -> None:
        """Give the descriptor back."""
        self._socket.close()


@contextmanager
def _devlink() -> Iterator[_Devlink]:
    with _errors():
        devlink = _Devlink()
        try:
            yield devlink
        finally:
            devlink.close()


def _set_vf(arguments: dict[str, Any]) -> None:
    interface, parent = arguments["interface"], arguments["parent"]
    with _errors(), IPRoute(ext_ack=True) as route:
        index = _index_of(interface, parent)
        route.link("set", index=index, vf={"vf": arguments["vf"], **_vf_setting(arguments["name"], arguments["value"])})


def _index_of(interface: str, parent: str) -> int:
    """Return the number of an interface that belongs to the device ``parent``."""
    if "/" in interface or interface in ("", ".", ".."):
        raise OSError(errno.EINVAL, "this is no name of an interface", interface)
    folder = f"/sys/class/net/{interface}"
    try:
        with open(f"{folder}/ifindex") as file:
            index = int(file.read())
        found = os.path.basename(os.readlink(f"{folder}/device"))
    except FileNotFoundError:
        raise OSError(errno.ENODEV, "no such network interface of a device", interface) from None
    if found != parent:
        raise OSError(errno.ENODEV, f"{interface} belongs to {found} now, not to {parent}")
    return index


def _vf_setting(name: str, value: Any) -> dict[str, Any]:
    if name == "vlan":
        vlan = {"vlan": value["id"], "qos": value["qos"]}
        protocol = value["protocol"]
        return {"vlan": vlan if protocol == "802.1Q" else [{**vlan, "proto": _PROTOCOLS[protocol]}]}
    if name == "rate":
        return {"rate": {"min_tx_rate": value["min"], "max_tx_rate": value["max"]}}
    if name == "link":
        return {"link_state": list(VfLinkState).index(VfLinkState(value))}
    return {{"spoofcheck": "spoofchk"}.get(name, name): value if name == "mac" else int(value)}


def _eswitch(arguments: dict[str, Any]) -> str:
    with _devlink() as devlink:
        for answer in devlink.ask(_ESWITCH_GET, arguments["device"]):
            mode = answer.get_attr("ESWITCH_MODE")
            if mode in (0, 1):
                return str(list(EswitchMode)[mode])
    raise OSError(errno.EOPNOTSUPP, "the kernel tells no mode that is known here")


def _set_eswitch(arguments: dict[str, Any]) -> None:
    mode = list(EswitchMode).index(EswitchMode(arguments["mode"]))
    with _devlink() as devlink:
        devlink.ask(_ESWITCH_SET, arguments["device"], {"ESWITCH_MODE": mode})


def _ports(arguments: dict[str, Any]) -> Any:
    device = arguments["device"]
    with _devlink() as devlink:
        devlink.ask(_GET, device)  # not every kernel says in a dump that there is no such device
        found = [_port(answer) for answer in devlink.ask(_PORT_GET, device, dump=True)]
    return msgspec.to_builtins([port for port in found if port.device == device])


def _port(answer: Any) -> DevlinkPort:
    flavour = answer.get_attr("PORT_FLAVOUR")
    named = flavour is not None and flavour < len(_FLAVOURS)
    return DevlinkPort(
        f"{answer.get_attr('BUS_NAME')}/{answer.get_attr('DEV_NAME')}",
        answer.get_attr("PORT_INDEX"),
        _FLAVOURS[flavour] if named else str(flavour),
        answer.get_attr("PORT_PCI_VF_NUMBER"),
        answer.get_attr("PORT_NETDEV_NAME") or "",
        _function(answer.get_attr("PORT_FUNCTION")),
    )


def _function(found: Any) -> PortFunction:
    if found is None:
        return PortFunction()
    address, state, attached = (found.get_attr(name) for name in ("FN_HW_ADDR", "FN_STATE", "FN_OPSTATE"))
    caps = found.get_attr("FN_CAPS") or {"which": 0, "on": 0}

    def capability(bit: int) -> bool | None:
        return bool(caps["on"] & bit) if caps["which"] & bit else None

    return PortFunction(
        bytes(address).hex(":") if address else None,
        capability(_MIGRATABLE),
        capability(_ROCE),
        list(PortState)[state] if state in (0, 1) else None,
        None if attached is None else bool(attached),
        found.get_attr("FN_MAX_IO_EQS"),
    )


def _set_port(arguments: dict[str, Any]) -> None:
    name, value = arguments["name"], arguments["value"]
    if name == "hw_addr":
        attribute: tuple[str, Any] = ("FN_HW_ADDR", bytes.fromhex(value.replace(":", "")))
    elif name == "state":
        attribute = ("FN_STATE", list(PortState).index(PortState(value)))
    elif name == "max_io_eqs":
        attribute = ("FN_MAX_IO_EQS", value)
    else:
        bit = {"roce": _ROCE, "migratable": _MIGRATABLE}[name]
        attribute = ("FN_CAPS", {"on": bit * value, "which": bit})
    with _devlink() as devlink:
        function = {"PORT_INDEX": arguments["port"], "PORT_FUNCTION": {"attrs": [attribute]}}
        devlink.ask(_PORT_SET, arguments["device"], function)


OPERATIONS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "set_vf": _set_vf, "eswitch": _eswitch, "set_eswitch": _set_eswitch, "ports": _ports, "set_port": _set_port,
}  # fmt: skip
