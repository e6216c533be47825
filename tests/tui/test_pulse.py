"""The pulse: which functions do most; measured only while somebody looks."""

from __future__ import annotations

from dataclasses import replace

from backend.counters.flows import flow_between
from backend.counters.vf_traffic import VF_TRAFFIC
from backend.model.counters import Flow, Reading, Stamp
from backend.model.host import Host
from tests.tui.builders import make_pfs
from tests.tui.screens import screen
from tui.screens.pulse import PulseScreen


def _flow(rate: int) -> Flow:
    count = len(VF_TRAFFIC.counters)
    first = Reading("vf", VF_TRAFFIC, (0,) * count, Stamp(0, 0), "ens0np0")
    return flow_between(first, None, Reading("vf", VF_TRAFFIC, (rate,) * count, Stamp(1, 1), "ens0np0"))


def _measured(host: Host, *rates: int) -> Host:
    vfs = [str(device.id) for device in host.devices.values() if device.index is not None]
    return replace(host, activity={vf: (_flow(rate),) for vf, rate in zip(vfs, rates, strict=False)})


async def test_the_pulse_lists_the_busiest_first_and_measures_while_it_is_open() -> None:
    host = _measured(make_pfs(1, 3), 5_000, 9_000_000, 40)
    async with screen(host) as s:
        assert not s.live.measure_all
        await s.press("5")
        await s.until(lambda: isinstance(s.app.screen, PulseScreen), "the pulse")
        await s.until(lambda: "MB/s" in s.text(), "figures")
        assert s.live.measure_all
        lines = [line.removeprefix("▌").split() for line in s.lines() if "B/s" in line]
        vfs = [words[0] for words in lines if words[0].startswith("0000:00:00.")]
        assert vfs[:3] == ["0000:00:00.2", "0000:00:00.1", "0000:00:00.3"]
        s.live.give(_measured(host, 80_000_000, 9_000_000, 40))
        await s.until(lambda: "80.0 MB/s" in s.text(), "new figures")
        await s.press("o")
        await s.until(lambda: "bytes out" in s.text(), "the next measure")
        await s.press("escape")
        await s.until(lambda: not isinstance(s.app.screen, PulseScreen), "back")
        assert not s.live.measure_all


async def test_the_cursor_stays_with_its_function_however_it_is_ranked_and_enter_goes_there() -> None:
    host = _measured(make_pfs(1, 3), 5_000, 9_000_000, 40)
    async with screen(host) as s:
        await s.press("5")
        await s.until(lambda: "9.00 MB/s" in s.text(), "figures")
        figures = [line.index("B/s") for line in s.lines() if "B/s" in line and "0000:00:00." in line]
        assert len(set(figures)) == 1
        await s.press("j", "j")
        assert next(line for line in s.lines() if line.startswith("▌")).startswith("▌0000:00:00.3 vf2")
        s.live.give(_measured(host, 5_000, 9_000_000, 80_000_000))
        await s.until(lambda: "80.0 MB/s" in s.text(), "new figures")
        assert next(line for line in s.lines() if line.startswith("▌")).startswith("▌0000:00:00.3 vf2")
        await s.press("enter")
        await s.until(lambda: s.cursor == "0000:00:00.3", "the row in the tree")
        assert s.app.screen is s.main


async def test_the_detail_shows_figures_with_bars_scale_and_source() -> None:
    host = _measured(make_pfs(1, 2), 5_000_000, 1)
    async with screen(host, (140, 60)) as s:
        s.live.history[("0000:00:00.1", "vf-traffic", 0)] = [0.0, 2e6, 10e6, 5e6]
        await s.press("l")
        await s.until(lambda: "rtnetlink IFLA_VF_STATS" in s.text(), "the source")
        assert "5.00 MB/s" in s.text()
        assert "of 10.0 MB/s" in s.text()


async def test_figures_move_without_marking_rows_as_changed() -> None:
    host = _measured(make_pfs(1, 2), 1_000_000, 1)
    async with screen(host, (200, 50)) as s:
        await s.press("l")
        await s.until(lambda: "1.00 M" in s.text(), "a figure in the row")
        await s.give(_measured(host, 7_000_000, 1))
        await s.until(lambda: "7.00 M" in s.text(), "the next figure")


async def test_an_order_by_a_figure_measures_every_device() -> None:
    host = _measured(make_pfs(1, 3), 5, 9_000, 40)
    async with screen(host, (200, 50)) as s:
        for _ in range(20):
            await s.press("o")
            order = s.main.viewing.order
            if order is not None and order.column == "in":
                break
        assert s.live.measure_all
        for _ in range(20):
            await s.press("o")
            if s.main.viewing.order is None:
                break
        assert not s.live.measure_all
