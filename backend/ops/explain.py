"""What an errno means, by the file that gave it: cause and remedy in the operator's words."""

from __future__ import annotations

import errno
import os

from backend.model.text import clean
from backend.ops.explain_links import cause_and_remedy, is_link

_EVERYWHERE = {
    errno.EACCES: ("the kernel refuses this user", "run as root; in a locked-down kernel not even root may"),
    errno.EPERM: ("the kernel refuses this user", "run as root; in a locked-down kernel not even root may"),
    errno.ENODEV: ("the device has gone, or no such driver would take it", "look again; see dmesg"),
    errno.ENOENT: ("the kernel has no such file now: the device or its driver has gone", "look again"),
    errno.EROFS: ("/sys is mounted read-only here", "run on the host itself, not in a container"),
}

_BY_FILE = {
    ("sriov_numvfs", errno.ERANGE): ("more VFs than sriov_totalvfs", "ask for fewer"),
    ("sriov_numvfs", errno.EBUSY): ("there are VFs already: their number only changes through 0", "ask for 0 first"),
    ("sriov_numvfs", errno.ENOENT): ("the driver of the PF does not manage VFs, or there is none", "bind its driver"),
    ("sriov_numvfs", errno.ENOMEM): (
        "no room: the firmware left too little memory or too few bus numbers for VFs",
        "turn on SR-IOV and Above 4G Decoding in the firmware, boot with pci=realloc, or ask for fewer; see dmesg",
    ),
    ("sriov_numvfs", errno.EIO): ("the device or its firmware refused", "see dmesg"),
    ("sriov_numvfs", errno.EINVAL): ("the driver does not take this number", "see dmesg"),
    ("sriov_vf_msix_count", errno.EBUSY): ("the VF has a driver, which has its vectors already", "unbind it first"),
    ("sriov_vf_msix_count", errno.EOPNOTSUPP): (
        "the driver of the PF does not manage the vectors of its VFs",
        "leave it",
    ),
    ("sriov_vf_msix_count", errno.EINVAL): (
        "the PF does not give that many vectors to one VF",
        "ask for another number",
    ),
    ("sriov_vf_msix_count", errno.EOVERFLOW): ("more vectors than one VF can have", "ask for fewer"),
    ("sriov_vf_msix_count", errno.ENOSPC): (
        "the PF has too few vectors left",
        "ask for fewer, or take some from others",
    ),
}


def explain(error: OSError, path: str, driver: str = "") -> tuple[str, str]:
    """Return cause and remedy of an error that acting on ``path`` gave; both one sentence."""
    number = error.errno or 0
    name = "EOPNOTSUPP" if number == errno.EOPNOTSUPP else errno.errorcode.get(number, str(number))
    if is_link(path):
        known = cause_and_remedy(number, path)
    else:
        known = _BY_FILE.get((os.path.basename(path), number)) or _EVERYWHERE.get(number)
    cause, remedy = known or (os.strerror(number), "see dmesg")
    said = clean(error.strerror or "", 200)
    words = f': "{said}"' if is_link(path) and said not in ("", os.strerror(number)) else ""
    return f"{path}: {cause} ({name}{words})", remedy
