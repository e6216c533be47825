"""What an errno of rtnetlink or devlink means, by what was set: cause and remedy in the operator's words."""

from __future__ import annotations

import errno

Known = tuple[str, str]

_ANY: dict[int, Known] = {
    errno.EPERM: ("the kernel refuses this user", "run as root: this takes CAP_NET_ADMIN"),
    errno.ENODEV: ("the interface or device has gone, or belongs to another one now", "look again"),
    errno.ERANGE: ("the kernel knows no such value", "see what its driver takes"),
    errno.EAGAIN: ("the driver is busy with a reset of the VF", "try again"),
    errno.EBUSY: ("the driver is busy with the VF or the PF", "try again when it is at rest; see dmesg"),
    errno.ETIMEDOUT: ("the firmware did not answer", "see dmesg"),
    errno.EIO: ("the firmware refused", "see dmesg"),
    errno.EREMOTEIO: ("the firmware refused", "see dmesg"),
    errno.ENOMEM: ("the kernel or the card has no room for it", "see dmesg"),
    errno.ENOSPC: ("the card has no room for it", "see dmesg"),
    errno.EMSGSIZE: ("there are more VFs than fit into one answer", "a newer kernel answers for some of them"),
}

_SWITCHDEV = "its driver may not do that at all; in switchdev mode it is set on the VF's representor instead"

_VF: dict[tuple[str, int], Known] = {
    ("", errno.EOPNOTSUPP): ("the driver of the PF does not set this of a VF", _SWITCHDEV),
    ("", errno.EINVAL): ("the driver does not take this value, or has no such VF any more", "see dmesg"),
    ("mac", errno.EINVAL): (
        "the driver takes no such address: it must be one interface's own", "the second digit must be even, as in 02:…"
    ),
    ("mac", errno.EADDRNOTAVAIL): ("the driver takes no such address", "the second digit must be even, as in 02:…"),
    ("mac", errno.EEXIST): ("another function of the card has this address", "choose another"),
    ("vlan", errno.EPROTONOSUPPORT): ("the driver adds 802.1Q tags only", "leave proto at 802.1Q"),
    ("vlan", errno.EINVAL): ("the driver does not take this VLAN or priority", "a VLAN is 0 to 4095, qos 0 to 7"),
    ("vlan", errno.EBUSY): ("the VF has VLANs of its own", "unbind the driver of the VF, or restart its guest, first"),
    ("rate", errno.EINVAL): (
        "the driver does not take these rates",
        "many take no min_rate, and none above the speed of the link, which must be up: see dmesg",
    ),
    ("link", errno.EOPNOTSUPP): ("the driver of the PF cannot set the link of a VF", "leave it as it is"),
    ("trust", errno.EOPNOTSUPP): ("the driver of the PF has no trust to give", _SWITCHDEV),
}  # fmt: skip

_IN_USE = "unbind the driver of the VF first, set this, and bind it again"

_DEVLINK: dict[tuple[str, int], Known] = {
    ("", errno.EOPNOTSUPP): ("this port or its driver does not have that", "see `devlink port show`"),
    ("", errno.EINVAL): ("the driver does not take this value now", "see dmesg"),
    ("migratable", errno.EOPNOTSUPP): (
        "the card, its firmware or this port cannot do that", "the firmware may have a switch for migration of VFs"
    ),
    ("migratable", errno.EINVAL): ("the driver does not take this while the function is in use", _IN_USE),
    ("migratable", errno.EIO): ("the firmware refused", _IN_USE),
    ("migratable", errno.EREMOTEIO): ("the firmware refused", _IN_USE),
    ("max_io_eqs", errno.EINVAL): ("the function can not have so many event queues", "ask for fewer"),
    ("hw_addr", errno.EINVAL): (
        "the driver takes no such address: it must be one interface's own", "the second digit must be even, as in 02:…"
    ),
    ("state", errno.ERANGE): ("a function is active or inactive", "choose one of these"),
    ("mode", errno.EOPNOTSUPP): (
        "the card has no such mode, or not while it has VFs", "set the number of VFs to 0 first; see dmesg"
    ),
    ("mode", errno.EBUSY): ("the switch is in use", "take rules, tunnels and bonds on it away first; see dmesg"),
    ("mode", errno.EINVAL): ("the driver does not change the mode now", "see dmesg"),
}  # fmt: skip


def is_link(place: str) -> bool:
    """Return whether a place is one of the network side."""
    return place.startswith(("netlink ", "devlink ", "rtnetlink"))


def cause_and_remedy(number: int, place: str) -> Known | None:
    """Return what is known of an errno at a place, ``vf_place`` or ``devlink_place``; None for nothing."""
    kind, _, rest = place.partition(" ")
    name = rest.rpartition(" ")[2]
    table = _DEVLINK if kind == "devlink" else _VF
    return table.get((name, number)) or _ANY.get(number) or table.get(("", number))
