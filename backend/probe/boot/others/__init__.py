"""What other tools set at boot: driverctl, mdevctl, systemd .link files, udev rules, sysfs.conf, tmpfiles.d."""

from backend.probe.boot.others.claims import read_claims

__all__ = ["read_claims"]
