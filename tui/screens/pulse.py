"""Which functions do most, by one measure, and each PF's traffic side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.segment import Segment
from textual import events
from textual.app import ComposeResult

from backend.counters.scale import next_scale
from backend.model.counters import HOST, Flow, Measure, process_subject
from backend.model.device import Device, DeviceKind
from backend.model.figures import text_of
from backend.model.holder import HolderKind
from backend.model.host import Host
from backend.model.ids import DeviceId
from backend.present.columns import Cell, Role, describe_device, holders_cell
from backend.present.lines import Line, Section
from backend.present.rates import Figure, figure_of
from backend.present.spark import spark
from backend.present.tree import holder_key
from tui.bridge import Session
from tui.detail_activity import BARS, FIGURE
from tui.layer import Layer
from tui.playing import steer, told
from tui.term.theming import Skin
from tui.widgets.cells import pad, shorten, shorten_middle, shorten_telling, width_of
from tui.widgets.detail_lines import Detail
from tui.widgets.detail_pane import DetailPane
from tui.widgets.line import LineWidget, Piece, key_pieces, title_pieces
from tui.widgets.picker import STEPS, Picker

MEASURES = (
    Measure.IN, Measure.OUT, Measure.INTERRUPTS, Measure.TRAPS, Measure.EXITS, Measure.CPU, Measure.PACKETS_IN,
    Measure.PACKETS_OUT, Measure.DROPS, Measure.ERRORS,
)  # fmt: skip
_OF_PROCESSES = frozenset({Measure.TRAPS, Measure.EXITS, Measure.CPU})
_TITLES = {Measure.IN: "bytes in", Measure.OUT: "bytes out", Measure.TRAPS: "traps on device memory"}
TOP = 20
"""Functions that are listed."""
_FIGURE = 11
"""Cells for a figure with its unit."""
_WIDE = 110
"""Width from which names have more room."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """One line of the list: a function by its own counters, or a VM by what is counted of it."""

    subject: str
    """What was measured: a device id, or a process."""
    row: str
    """What the tree calls it."""
    name: str
    figure: Figure


class PulseScreen(Layer[str | None]):
    """Measures every device while it is open. Ends with the row that the operator wants to see, or None."""

    DEFAULT_CSS = """
    PulseScreen Picker { height: auto; max-height: 60%; }
    """

    def __init__(self, skin: Skin, badge: Sequence[Piece], session: Session) -> None:
        super().__init__()
        self._skin = skin
        self._badge = tuple(badge)
        self._session = session
        self._before = session.measure_all
        self._shown: Host | None = None
        self._title_line = LineWidget(skin, "bar", id="pulse-title")
        self._heads = LineWidget(skin, "column-title", id="pulse-heads")
        self._list: Picker[Ranked] = Picker(skin, (), self._line)
        self._pane = DetailPane(skin, id="pulse")
        self._pane.can_focus = False
        self._followed = ""
        """The row under the cursor, wherever it is ranked; "" while the cursor was not moved."""
        self.measure = Measure.IN

    def compose(self) -> ComposeResult:
        """A line, the list, and below it each PF and the whole host."""
        yield self._title_line
        yield self._heads
        yield self._list
        yield self._pane

    def on_mount(self) -> None:
        """Begin to measure everything."""
        self._session.measure_all = True
        self._say()
        self.set_interval(0.25, self._follow)
        self._show()

    def on_unmount(self) -> None:
        """Measure no more than before."""
        self._session.measure_all = self._before

    def on_resize(self) -> None:
        """Lay the lines out anew."""
        self._show()
        self.call_after_refresh(self._pane.restyle)

    def on_key(self, event: events.Key) -> None:
        """Choose another measure, move, show a function in the tree, steer a recording, or go back."""
        if steer(self._session.player, event.key):
            self._say()
        elif event.key in ("o", "right", "O", "left"):
            step = 1 if event.key in ("o", "right") else -1
            self.measure = MEASURES[(MEASURES.index(self.measure) + step) % len(MEASURES)]
            self._followed = ""
            self._list.go_to(0)
            self._say()
            self._show()
        elif event.key in ("pagedown", "pageup"):
            self._pane.action_scroll_page(1 if event.key == "pagedown" else -1)
        elif event.key in STEPS:
            self._list.move(STEPS[event.key])
            self._followed = self._list.chosen.row if self._list.chosen is not None else ""
        elif event.key == "enter" and self._list.chosen is not None:
            self.dismiss(self._list.chosen.row)
        elif event.key in ("escape", "5", "h"):
            self.dismiss(None)
        else:
            return
        event.stop()

    def _say(self) -> None:
        player = self._session.player
        at = [Piece(f" {told(player)} ", "foreign", 1)] if player is not None else []
        title = title_pieces(self._badge, f"pulse: {_title(self.measure)}", *at)
        keys = [("enter", "show it", 4), ("o", "next measure", 5), ("pgdn", "more", 6), ("esc", "back", 2)]
        self._title_line.say(title, [piece for key, word, rank in keys for piece in key_pieces((key, word), rank=rank)])

    def _follow(self) -> None:
        if self._session.host is not self._shown:
            if self._session.player is not None:
                self._say()
            self._show()

    def _show(self) -> None:
        host = self._session.host
        self._shown = host
        if host is None:
            return
        found = ranked(host, self.measure)[:TOP]
        self._list.offer(found)
        self._list.styles.height = max(1, len(found))
        place = next((place for place, one in enumerate(found) if one.row == self._followed), None)
        if place is not None:
            self._list.go_to(place)
        head = (
            f" {'MOST ' + _title(self.measure).upper():<{self._name_width + 1}}{'NOW':>{_FIGURE}}"
            f"  {'OF ITS PEAK':<{self._bars + 1}}{'' if self.measure in _OF_PROCESSES else 'HOLDER'}"
        )
        self._heads.say([Piece(head if found else " nothing of this is counted here", "column-title")])
        self._pane.show(Detail("", "", tuple(self._sections(host)), 28))

    @property
    def _bars(self) -> int:
        """How many values a small history in the list has."""
        return BARS // 2 if self.size.width < _WIDE else BARS

    @property
    def _name_width(self) -> int:
        """Cells for what a line speaks of."""
        return 50 if self.size.width >= _WIDE else max(14, min(34, self.size.width - _FIGURE - 4))

    def _line(self, one: Ranked, ground: str, width: int) -> list[Segment]:
        look, glyphs, host = self._skin.look, self._skin.glyphs, self._shown
        device = host.devices.get(DeviceId(one.row)) if host is not None else None
        words = describe_device(device) if device is not None else ""
        who = holders_cell(device.holders).text if device is not None and device.holders else ""
        text, bars = self._value(host, one) if host is not None else ("", "")
        name = shorten_middle(one.name, min(self._name_width, 22), glyphs.ellipsis)
        beside = shorten_telling(words, self._name_width - width_of(name) - 1, glyphs.ellipsis)
        shown = look.role(Role.TEXT if one.figure.value else Role.MUTED, ground)
        room = width - self._name_width - 2 - _FIGURE - 2 - self._bars - 1
        return [
            Segment(name, look.role(Role.ID if device is not None else Role.VM, ground)),
            Segment(pad(f" {beside}", self._name_width - width_of(name) + 1), look.role(Role.MUTED, ground)),
            Segment(f"{text:>{_FIGURE}}  ", shown),
            Segment(pad(bars, self._bars + 1), look.role(Role.MUTED, ground)),
            Segment(shorten(who, max(0, room), glyphs.ellipsis), look.role(Role.MUTED, ground)),
        ]

    def _value(self, host: Host, one: Ranked) -> tuple[str, str]:
        """Return the figure with its unit, and its short history, as long as the list has room for."""
        for flow in host.activity.get(one.subject, ()):
            for place in flow.of(self.measure):
                if flow.rates[place] is not None:
                    values = self._session.recent(one.subject, flow, place)[-self._bars :]
                    text = text_of(one.figure.value, one.figure.scale, flow.set.counters[place])
                    return text, spark(values, ascii_only=self._ascii)[0]
        return "", ""

    def _sections(self, host: Host) -> Iterable[Section]:
        yield Section("Whole host", tuple(self._of_host(host.activity.get(HOST, ()))))
        for pf in host.devices.values():
            if pf.kind is DeviceKind.PF and str(pf.id) in host.activity:
                small = tuple(self._small(host, pf))
                if small:
                    yield Section(f"{pf.id} {describe_device(pf)}", small)

    def _small(self, host: Host, pf: Device) -> Iterable[Line]:
        for flow in host.activity.get(str(pf.id), ()):
            for measure in (Measure.IN, Measure.OUT):
                for place in flow.of(measure):
                    yield from self._series(str(pf.id), flow, place)

    def _of_host(self, flows: Iterable[Flow]) -> Iterable[Line]:
        for flow in flows:
            for place, rate in enumerate(flow.rates):
                if rate is not None:
                    yield from self._series(HOST, flow, place)
            if flow.reason and all(rate is None for rate in flow.rates):
                yield Line(flow.set.title, Cell("", Role.HIDDEN), flow.reason)

    def _series(self, subject: str, flow: Flow, place: int) -> Iterable[Line]:
        rate, counter = flow.rates[place], flow.set.counters[place]
        if rate is not None:
            bars, top = spark(self._session.recent(subject, flow, place)[-BARS:], ascii_only=self._ascii)
            bars += f" of {text_of(top, next_scale(None, top), counter)}" if top > 0 else ""
            text = text_of(rate, flow.scales[place], counter)
            name = " ".join(filter(None, [counter.title, flow.instance]))
            yield Line(name, Cell(text, Role.TEXT if rate else Role.MUTED), bars, FIGURE)

    @property
    def _ascii(self) -> bool:
        return self._skin.glyphs.name == "ascii"


def ranked(host: Host, measure: Measure) -> list[Ranked]:
    """Return whatever does something of a measure, the most first.

    Functions by their own counters; VMs where the measure is counted of a VM.
    """
    found: list[Ranked] = []
    for subject, row, name in _vms(host) if measure in _OF_PROCESSES else ((str(i),) * 3 for i in host.devices):
        one = figure_of(host.activity.get(subject, ()), measure)
        if one is not None and one.value is not None:
            found.append(Ranked(subject, row, name, one))
    return sorted(found, key=lambda one: -(one.figure.value or 0.0))


def _vms(host: Host) -> Iterable[tuple[str, str, str]]:
    holders = {
        holder.pid: holder
        for device in host.devices.values()
        for holder in device.holders
        if holder.pid is not None and holder.kind is HolderKind.VM
    }
    return ((process_subject(pid), holder_key(holder), holder.words) for pid, holder in holders.items() if pid)


def _title(measure: Measure) -> str:
    return _TITLES.get(measure, measure.value)
