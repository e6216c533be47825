"""The unit that applies at boot what was saved, as systemd itself reads it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from backend.host.writing import BOOT_UNIT
from backend.ops.boot.unit import unit_text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    unit = tmp_path / BOOT_UNIT
    unit.write_text(unit_text("/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=50, check=False
    )
    ours = [line for line in done.stderr.splitlines() if BOOT_UNIT in line]
    assert (done.returncode, ours) == (0, [])


def test_it_comes_after_devices_and_before_whoever_wants_vfs() -> None:
    lines = unit_text("/usr/bin/iovtop").splitlines()
    before = {word for line in lines if line.startswith("Before=") for word in line.partition("=")[2].split()}
    after = {word for line in lines if line.startswith("After=") for word in line.partition("=")[2].split()}
    assert before >= {"network-pre.target", "libvirtd.service", "virtqemud.service", "shutdown.target"}
    assert after >= {"systemd-udev-trigger.service", "systemd-udev-settle.service", "local-fs.target"}
    # Network before sysinit.target (cloud-init) would make a circle of the default dependencies.
    assert "DefaultDependencies=no" in lines
    assert "ConditionPathExists=/etc/iovtop/boot.toml" in lines
    assert "ExecStart=/usr/bin/iovtop boot apply --yes --wait 60" in lines
