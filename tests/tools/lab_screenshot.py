"""The picture of a real kernel in screenshots/: ``python -m tests.tools.lab_screenshot``."""

from __future__ import annotations

import contextlib

from tests.lab.outside.terminal import Tmux
from tests.tools.screenshots import FOLDER, without_addresses

_PREPARE = """
cd /sys/bus/pci/devices
echo 0 > 0000:01:00.0/sriov_drivers_autoprobe; echo 5 > 0000:01:00.0/sriov_numvfs
for vf in 0000:01:10.0 0000:01:10.2 0000:01:10.4; do
echo vfio-pci > $vf/driver_override; echo $vf > /sys/bus/pci/drivers_probe; done
echo igbvf > 0000:01:10.6/driver_override; echo 0000:01:10.6 > /sys/bus/pci/drivers_probe
echo 83b8f4f2-509f-382f-3c1e-e6bfe0fa1001 > /sys/devices/virtual/mtty/mtty/mdev_supported_types/mtty-2/create
vm="-M q35 -accel tcg -m 64M -nodefaults -display none -daemonize"
$LAB_QEMU $vm -name guest=web-1 -device vfio-pci,host=0000:01:10.0
$LAB_QEMU $vm -name guest=db-1 -device vfio-pci,host=0000:01:10.2,x-no-mmap=on
sleep 8; clear; TERM=xterm-256color COLORTERM=truecolor iovtop
"""


def main() -> None:
    """Boot, bring up VFs, VMs and an mdev, and take the picture."""
    with contextlib.closing(Tmux()) as terminal:
        terminal.type("make -s lab-shell", "Enter")
        terminal.until("root@lab", 300)
        for line in _PREPARE.strip().splitlines():
            terminal.type(line, "Enter")
        terminal.until("vm db-1", 120)
        terminal.type("Home", "j", "j", "j", "j", "j", "j", "j")
        terminal.until("of 0000:01:00.0", 20)
        picture = without_addresses(terminal.picture("iovtop"))
        (FOLDER / "real-kernel.svg").write_text(picture, "utf-8")
        terminal.type("q")


if __name__ == "__main__":
    main()
