"""What an error of the kernel means: cause and remedy in the operator's words."""

from __future__ import annotations

import errno
import os
import re

from backend.model.text import clean
from backend.ops.errnos import BY_DRIVER, BY_PLACE, DMESG, EVERYWHERE, Words
from backend.ops.errors import Explained
from backend.ops.explain_links import cause_and_remedy, is_link

_GROUP_TYPE = re.compile(r"/iommu_groups/[0-9]+/type\Z", re.ASCII)


_SAYING = frozenset({"module", "device state", "unit"})
"""Kinds of places whose errors bring words of their own."""


def place_kind(place: str) -> str:
    """Return what sort of place gave an error: a file's name, or a word of ours where the name says too little."""
    if place.startswith("module "):
        return "module"
    if place.startswith("VF token "):
        return "VF token"
    if place.startswith("device state ") or place.startswith("/var/lib/iovtop/states/"):
        return "device state"
    if place.startswith("unit "):
        return "unit"
    if place.startswith(("/etc/iovtop/", "/etc/systemd/")):
        return "settings file"
    if "/mdevctl.d/" in place:
        return "mdevctl file"
    if _GROUP_TYPE.search(place):
        return "group type"
    name = os.path.basename(place)
    if name == "create" and "/mdev_supported_types/" in place:
        return "mdev create"
    return "mdev remove" if name == "remove" and "/pci/" not in place else name


def explain(error: OSError, place: str, driver: str = "") -> Words:
    """Return cause and remedy of an error that acting on ``place`` gave, each one sentence.

    Args:
        place: a file, or what an action calls itself: ``netlink ens1f0 vf 3 mac``, ``module NAME``.
        driver: of the device concerned; "" = none, or unknown.
    """
    if isinstance(error, Explained):
        return clean(error.cause, 600), error.remedy
    number = error.errno or 0
    link = is_link(place)
    kind = place_kind(place)
    known = (
        cause_and_remedy(number, place)
        if link
        else BY_DRIVER.get((kind, driver, number)) or BY_PLACE.get(kind, {}).get(number)
    )
    unknown = (f"the kernel or the driver refused: {os.strerror(number)}", DMESG)
    cause, remedy = known or EVERYWHERE.get(number) or unknown
    name = "EOPNOTSUPP" if number == errno.EOPNOTSUPP else errno.errorcode.get(number, str(number))
    # netlink, devlink, modprobe and the reader of states pass on what was said.
    said = clean(error.strerror or "", 300) if link or kind in _SAYING else ""
    words = f': "{said}"' if said not in ("", os.strerror(number)) else ""
    return f"{place}: {cause} ({name}{words})", remedy
