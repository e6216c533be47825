"""What is not there, not yet there, not allowed, gone, old or broken: each looks different and is named."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from backend.model.host import HolderScan
from backend.present.columns import Role
from tests.tui.builders import make_host, make_pfs, pf_address, with_devices
from tests.tui.screens import Screen, screen

FOLDER = Path(__file__).parent / "snapshots"
SIZE = (80, 24)
HOST = make_pfs(2, 3)
PF = HOST.devices[pf_address(0)]


@asynccontextmanager
async def reading() -> AsyncIterator[Screen]:
    async with screen(None, SIZE) as s:
        yield s


@asynccontextmanager
async def empty() -> AsyncIterator[Screen]:
    async with screen(make_host(), SIZE) as s:
        yield s


@asynccontextmanager
async def filtered() -> AsyncIterator[Screen]:
    async with screen(HOST, SIZE) as s:
        await s.press("slash", *"nosuch", "enter")
        yield s


@asynccontextmanager
async def denied() -> AsyncIterator[Screen]:
    devices = [replace(device, holders=()) for device in HOST.devices.values()]
    scan = HolderScan(False, 12, "12 processes belong to others: needs root")
    async with screen(make_host(devices, uid=1000, holder_scan=scan), SIZE) as s:
        await s.press("3")
        yield s


@asynccontextmanager
async def vanished() -> AsyncIterator[Screen]:
    async with screen(HOST, SIZE) as s:
        await s.press("j")
        await s.give(with_devices(HOST, replace(PF, sriov=None), without=[s.cursor]))
        await s.until(lambda: "is gone" in s.text(), "what is gone")
        yield s


@asynccontextmanager
async def stale() -> AsyncIterator[Screen]:
    async with screen(HOST, SIZE) as s:
        s.live.status.last_update -= 1e6 + 60
        await s.until(lambda: "stale" in s.lines()[0], "its age")
        yield s


@asynccontextmanager
async def ended() -> AsyncIterator[Screen]:
    async with screen(HOST, SIZE) as s:
        s.live.fail(OSError(5, "Input/output error", "/sys"))
        await s.until(lambda: "not live any more" in s.text(), "the end")
        yield s


@asynccontextmanager
async def unreadable() -> AsyncIterator[Screen]:
    async with screen(None, SIZE) as s:
        s.live.fail(OSError(13, "Permission denied", "/sys/bus/pci"))
        await s.until(lambda: "cannot be read" in s.text(), "why not")
        yield s


STATES: dict[str, tuple[Callable[..., object], str]] = {
    "reading": (reading, "reading…"),
    "empty": (empty, "no PF, VF or mdev here"),
    "filtered": (filtered, "nothing matches nosuch"),
    "denied": (denied, "needs root"),
    "vanished": (vanished, "is gone"),
    "stale": (stale, "stale"),
    "ended": (ended, "not live any more: /sys: Input/output error"),
    "unreadable": (unreadable, "this host cannot be read"),
}


@pytest.mark.parametrize("name", STATES)
async def test_every_state_has_a_look_and_a_name_of_its_own(name: str) -> None:
    state, _ = STATES[name]
    async with state() as s:  # type: ignore[attr-defined]
        await s.until(lambda: s.main.settled)
        text = re.sub(r"stale \d\d s", "stale 60 s", s.text())
        text = "\n".join(line.rstrip() for line in text.split("\n")) + "\n"
    file = FOLDER / f"state-{name}.txt"
    if os.environ.get("IOVTOP_UPDATE_SNAPSHOTS"):
        file.write_text(text, "utf-8")
    assert text == file.read_text("utf-8")
    assert [other for other, (_, named) in STATES.items() if named in text] == [name]


async def test_what_is_old_is_faded_until_it_is_fresh_again() -> None:
    async with stale() as s:
        faded = s.main.skin.look.role(Role.STALE)

        def rows() -> list[bool]:
            strips = s.app.screen._compositor.render_strips()[3:6]
            return [all(style == faded for text, style, _ in [*strip][1:] if text.strip()) for strip in strips]

        await s.until(lambda: all(rows()), "faded rows")
        assert all(line.startswith("~") for line in s.lines()[3:6])
        s.live.status.last_update += 1e6
        await s.until(lambda: "live" in s.lines()[0] and not any(rows()), "fresh rows")
        assert "~" not in s.text()
