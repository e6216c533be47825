"""The unit of systemd that makes at boot what was saved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from backend.host import installed
from backend.host.ownership import changeable
from backend.host.writing import BOOT_UNIT
from backend.model.plan import Condition, Step
from backend.ops.actions import DeleteFile, EnableUnit, SaveFile
from backend.ops.operation import Work
from backend.ops.world import World

PATH = f"/etc/systemd/system/{BOOT_UNIT}"
WANTED = f"/etc/systemd/system/multi-user.target.wants/{BOOT_UNIT}"
_PACKAGED = tuple(f"{root}/systemd/system/{BOOT_UNIT}" for root in ("/usr/lib", "/lib", "/usr/local/lib"))
_MANAGER = "/run/systemd/system"

WAIT = 60
"""Seconds that a saved card may take to come."""

_TEXT = """\
# Written by `iovtop boot save`, taken away by `iovtop boot remove`.
[Unit]
Description=VFs, drivers and mdevs as iovtop saved them
ConditionPathExists=/etc/iovtop/boot.toml
# Like driverctl and network managers, it must not wait for sysinit.target: parts of that may wait for the network.
DefaultDependencies=no
RequiresMountsFor=/etc/iovtop /var/lib/iovtop /usr
# After what binds drivers and sets the same things: whoever was there first has the say.
After=systemd-udevd.service systemd-udev-trigger.service systemd-udev-settle.service systemd-modules-load.service
After=systemd-remount-fs.service systemd-tmpfiles-setup.service local-fs.target
# Before what wants interfaces, VFs and mdevs to be there.
Wants=network-pre.target
Before=network-pre.target
Before=libvirtd.service virtqemud.service virtnodedevd.service libvirt-guests.service pve-guests.service
Before=kubelet.service docker.service containerd.service openvswitch-switch.service openvswitch.service
Conflicts=shutdown.target
Before=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
# A card may come late: each that was saved is waited for by itself.
ExecStart={program} boot apply --yes --wait {wait}
TimeoutStartSec=15min

[Install]
WantedBy=multi-user.target
"""


def unit_text(program: str) -> str:
    """Return the unit that starts ``program``."""
    return _TEXT.format(program=program, wait=WAIT)


def program(*, simulated: bool) -> str:
    """Return the iovtop that is started at boot; "" where there is none that a unit could name."""
    return "/usr/bin/iovtop" if simulated else installed.program()


def is_enabled(world: World) -> bool:
    """Return whether systemd starts the unit at boot."""
    return world.supposed(WANTED) is not None or world.exists(WANTED)


def supposed_unit() -> dict[str, str]:
    """Return what a plan supposes for those after it: that the unit is there, and started at boot."""
    return {WANTED: "", PATH: ""}


@dataclass(frozen=True, slots=True)
class UnitIs:
    """That systemd starts the unit at boot, or does not."""

    on: bool

    @property
    def about(self) -> tuple[str, ...]:
        """No device."""
        return ()

    def ask(self, world: World) -> Condition:
        """Look for its link among those that are wanted."""
        text = f"{BOOT_UNIT} is {'' if self.on else 'not '}started at boot"
        if is_enabled(world) == self.on:
            return Condition(text, True)
        return Condition(text, False, "it is not so", f"systemctl {'enable' if self.on else 'disable'} {BOOT_UNIT}")


@dataclass(frozen=True, slots=True)
class SettingsAre:
    """That a settings file has a text; None = that there is none."""

    path: str
    text: str | None

    @property
    def about(self) -> tuple[str, ...]:
        """No device."""
        return ()

    def ask(self, world: World) -> Condition:
        """Read it."""
        text = f"{self.path} {'is not there' if self.text is None else 'reads as planned'}"
        found = raw_text(world, self.path)
        if found == self.text:
            return Condition(text, True)
        return Condition(text, False, "it does not" if self.text is not None else "it is", "somebody else changed it")


def raw_text(world: World, path: str) -> str | None:
    """Return the text of a settings file as it is; None where there is none that can be read."""
    try:
        return world.doors.files.read(path, 1 << 21).decode("utf-8", "surrogateescape")
    except OSError:
        return None


def work_to_install(world: World) -> tuple[list[Work], list[str]]:
    """Return the way to a unit that is started at boot, and what should be known of it."""
    if not world.exists(_MANAGER):
        return [], ["there is no systemd here: let your init run `iovtop boot apply --yes` at boot"]
    simulated = world.doors.source.kind == "simulated"
    name = program(simulated=simulated)
    packaged = any(world.exists(path) for path in _PACKAGED)
    if not name and not packaged:
        why = "no iovtop lies in /usr/bin or beside this Python, so that no unit can start it"
        return [], [f"{why}: install it, and save again"]
    work, notes = [], []
    if not packaged and world.supposed(PATH) is None and raw_text(world, PATH) != unit_text(name):
        work.append(_write_unit(world, unit_text(name)))
    if not is_enabled(world):
        work.append(_switch(on=True))
    if work and not packaged and not simulated:
        place = changeable([name])
        notes = [f"root runs {name} at boot, and {place} can be changed by another user"] if place else []
    return work, notes


def work_to_remove(world: World) -> list[Work]:
    """Return the way to no unit of ours; one that a package brought is only not started any more."""
    work = [_switch(on=False)] if is_enabled(world) else []
    if raw_text(world, PATH) is not None:
        step = Step(f"remove the unit {BOOT_UNIT}", PATH, "a unit", "", f"rm {PATH}", "there is no such file")
        work.append(Work(step, DeleteFile(PATH), after=(SettingsAre(PATH, None),)))
    return work


def asks_systemd(work: Iterable[Work]) -> bool:
    """Return whether systemd is told of a unit: that was never seen on a machine that systemd had started."""
    return any(isinstance(item.action, EnableUnit) for item in work)


def _write_unit(world: World, text: str) -> Work:
    old = "" if raw_text(world, PATH) is None else "another one"
    command = next(line for line in text.splitlines() if line.startswith("ExecStart=")).removeprefix("ExecStart=")
    step = Step(
        f"write the unit {BOOT_UNIT}", PATH, old, f"runs {command}, before network and libvirt",
        f"iovtop boot unit > {PATH}", "it reads so",
    )  # fmt: skip
    return Work(step, SaveFile(PATH, text), after=(SettingsAre(PATH, text),))


def _switch(*, on: bool) -> Work:
    text = "let systemd start it at boot" if on else "let systemd start it at boot no more"
    words = ("disabled", "enabled")
    step = Step(
        text, f"unit {BOOT_UNIT}", words[not on], words[on], f"systemctl {'enable' if on else 'disable'} {BOOT_UNIT}",
        f"it is {words[on]}",
    )  # fmt: skip
    return Work(step, EnableUnit(BOOT_UNIT, on), after=(UnitIs(on),))
