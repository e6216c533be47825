"""Which functions do most, by one measure, and each PF's traffic side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual import events
from textual.app import ComposeResult

from backend.model.counters import HOST, Flow, Measure, process_subject
from backend.model.device import Device, DeviceKind
from backend.model.figures import text_of
from backend.model.holder import HolderKind
from backend.model.host import Host
from backend.present.columns import Cell, Role, describe_device, holders_cell
from backend.present.lines import Line, Section
from backend.present.rates import Figure, figure_of
from backend.present.spark import spark
from tui.bridge import Session
from tui.detail_activity import BARS
from tui.layer import Layer
from tui.playing import steer, told
from tui.term.theming import Skin
from tui.widgets.detail_lines import Detail
from tui.widgets.detail_pane import DetailPane
from tui.widgets.line import LineWidget, Piece

MEASURES = (
    Measure.IN, Measure.OUT, Measure.INTERRUPTS, Measure.TRAPS, Measure.EXITS, Measure.CPU, Measure.PACKETS_IN,
    Measure.PACKETS_OUT, Measure.DROPS, Measure.ERRORS,
)  # fmt: skip
_OF_PROCESSES = frozenset({Measure.TRAPS, Measure.EXITS, Measure.CPU})
_TITLES = {Measure.IN: "bytes in", Measure.OUT: "bytes out", Measure.TRAPS: "traps on device memory"}
TOP = 20
"""Functions that are listed."""


class PulseScreen(Layer[str | None]):
    """Measures every device while it is open. Ends with None: there is nothing to choose."""

    def __init__(self, skin: Skin, badge: Sequence[Piece], session: Session) -> None:
        super().__init__()
        self._skin = skin
        self._badge = tuple(badge)
        self._session = session
        self._before = session.measure_all
        self._shown: Host | None = None
        self._title_line = LineWidget(skin, "bar", id="pulse-title")
        self._pane = DetailPane(skin, id="pulse")
        self.measure = Measure.IN

    def compose(self) -> ComposeResult:
        """A line, and the lists."""
        yield self._title_line
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
        self.call_after_refresh(self._pane.restyle)

    def on_key(self, event: events.Key) -> None:
        """Choose another measure, steer a recording, or go back."""
        if steer(self._session.player, event.key):
            self._say()
            event.stop()
            return
        if event.key in ("o", "right", "O", "left"):
            step = 1 if event.key in ("o", "right") else -1
            self.measure = MEASURES[(MEASURES.index(self.measure) + step) % len(MEASURES)]
            self._say()
            self._show()
        elif event.key in ("escape", "5", "h"):
            self.dismiss(None)
        else:
            return
        event.stop()

    def on_detail_pane_left(self) -> None:
        """Go back."""
        self.dismiss(None)

    def _say(self) -> None:
        player = self._session.player
        at = [Piece(f" {told(player)} ", "foreign", 1)] if player is not None else []
        title = [
            *self._badge,
            *at,
            Piece(" iovtop ", "brand", 3),
            Piece(f" pulse: {_title(self.measure)} ", "hostname", 1),
        ]
        keys = [("o", "next measure"), ("esc", "back")]
        pieces = [
            piece for key, word in keys for piece in (Piece(f" {key} ", "key", 4), Piece(f"{word} ", "key-text", 4))
        ]
        self._title_line.say(title, pieces)

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
        detail = Detail(f"most {_title(self.measure)}", "", tuple(self._sections(host)), 28)
        self._pane.show(detail)

    def _sections(self, host: Host) -> Iterable[Section]:
        lines = tuple(
            self._line(host, subject, name, found) for subject, name, found in ranked(host, self.measure)[:TOP]
        )
        yield Section("", lines or (Line("", Cell("nothing of this is counted here", Role.MUTED)),))
        for pf in host.devices.values():
            if pf.kind is DeviceKind.PF and str(pf.id) in host.activity:
                small = tuple(self._small(host, pf))
                if small:
                    yield Section(f"{pf.id} {describe_device(pf)}", small)
        whole = host.activity.get(HOST, ())
        yield Section("Whole host", tuple(self._of_host(whole)))

    def _line(self, host: Host, subject: str, name: str, found: Figure) -> Line:
        device = host.devices.get(name)  # type: ignore[call-overload]
        who = holders_cell(device.holders).text if device is not None and device.holders else ""
        return Line(name, self._value(host, subject, found), who)

    def _value(self, host: Host, subject: str, found: Figure) -> Cell:
        for flow in host.activity.get(subject, ()):
            for place in flow.of(self.measure):
                if flow.rates[place] is not None:
                    bars = spark(self._session.recent(subject, flow, place)[-BARS:], ascii_only=self._ascii)[0]
                    text = text_of(found.value, found.scale, flow.set.counters[place])
                    return Cell(f"{text:>12}  {bars}", Role.TEXT if found.value else Role.MUTED)
        return Cell("", Role.MUTED)

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
            bars, _ = spark(self._session.recent(subject, flow, place)[-BARS:], ascii_only=self._ascii)
            text = text_of(rate, flow.scales[place], counter)
            name = " ".join(filter(None, [counter.title, flow.instance]))
            yield Line(name, Cell(f"{text:>12}  {bars}", Role.TEXT if rate else Role.MUTED))

    @property
    def _ascii(self) -> bool:
        return self._skin.glyphs.name == "ascii"


def ranked(host: Host, measure: Measure) -> list[tuple[str, str, Figure]]:
    """Return subject, name and figure of whatever does something of a measure, the most first.

    Functions by their own counters; VMs, by name, where the measure is counted of a VM.
    """
    found: list[tuple[str, str, Figure]] = []
    for subject, name in _vms(host) if measure in _OF_PROCESSES else ((str(i), str(i)) for i in host.devices):
        one = figure_of(host.activity.get(subject, ()), measure)
        if one is not None and one.value is not None:
            found.append((subject, name, one))
    return sorted(found, key=lambda item: -(item[2].value or 0.0))


def _vms(host: Host) -> Iterable[tuple[str, str]]:
    names = {
        holder.pid: holder.name
        for device in host.devices.values()
        for holder in device.holders
        if holder.pid is not None and holder.kind is HolderKind.VM
    }
    return ((process_subject(pid), f"vm {name}") for pid, name in names.items() if pid is not None)


def _title(measure: Measure) -> str:
    return _TITLES.get(measure, measure.value)
