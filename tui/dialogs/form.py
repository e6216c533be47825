"""What has to be known before a change can be planned: a few fields, filled with what is so now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen

from backend.model.text import clean
from backend.present.columns import Role
from tui.dialogs.panel import Panel, Words
from tui.layer import Layer
from tui.term.theming import Skin
from tui.widgets.cells import pad, shorten_middle, width_of, wrap


class FieldKind(Enum):
    """How a field is filled in."""

    NUMBER = auto()
    CHOICE = auto()
    FLAG = auto()
    TEXT = auto()


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a field of choices."""

    value: str
    label: str
    why_not: str = ""
    """Why it cannot be chosen; "" when it can."""


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to fill in."""

    name: str
    label: str
    kind: FieldKind
    value: str
    """What it holds at first. A flag holds "yes" or ""."""
    hint: str = ""
    choices: Sequence[Choice] = ()
    low: int = 0
    high: int = 0
    """Bounds of a number."""
    wrong: Callable[[str], str] | None = None
    """Returns what is wrong with a text; "" when nothing is."""


@dataclass(frozen=True, slots=True)
class Form:
    """Fields under a title."""

    title: str
    fields: tuple[Field, ...] = ()


_CHOICES_SHOWN = 8
_LONGEST = 120
_NARROWEST = 8
"""Cells that a value has at least, however long its label."""


class FormScreen(Layer[Mapping[str, str] | None], ModalScreen[Mapping[str, str] | None]):
    """Ends with the value of each field by name, or None. No key goes on to what lies below."""

    DEFAULT_CSS = """
    FormScreen { align: center middle; }
    FormScreen Panel { background: $surface; }
    """

    def __init__(self, skin: Skin, form: Form) -> None:
        super().__init__()
        self._form = form
        self._panel = Panel(skin)
        self._at = 0
        self._values = {field.name: field.value for field in form.fields}
        self._untouched = {field.name for field in form.fields}
        self._wrong = ""

    def compose(self) -> ComposeResult:
        """The panel."""
        yield self._panel

    def on_mount(self) -> None:
        """Write it."""
        self._panel.focus()
        self._write()

    def on_resize(self) -> None:
        """Write it anew."""
        self._write()

    @property
    def _field(self) -> Field:
        return self._form.fields[self._at]

    def on_paste(self, event: events.Paste) -> None:
        """Take pasted text into a field of text, made harmless."""
        event.stop()
        if self._field.kind is FieldKind.TEXT:
            self._set(clean(self._values[self._field.name] + event.text, _LONGEST))

    def on_key(self, event: events.Key) -> None:
        """Fill in, move, go on or leave."""
        event.stop()
        event.prevent_default()
        self._wrong = ""
        match event.key:
            case "escape" | "ctrl+c":
                self.dismiss(None)
                return
            case "enter":
                self._go_on()
                return
            case "down" | "tab":
                self._at = (self._at + 1) % len(self._form.fields)
            case "up" | "shift+tab":
                self._at = (self._at - 1) % len(self._form.fields)
            case _:
                self._fill(event)
        self._write()

    def _fill(self, event: events.Key) -> None:
        field, value = self._field, self._values[self._field.name]
        step = {"right": 1, "plus": 1, "left": -1, "minus": -1}.get(event.key, 0)
        match field.kind:
            case FieldKind.FLAG if step or event.key == "space":
                self._set("" if value else "yes")
            case FieldKind.CHOICE if step or event.key == "space":
                self._turn(step or 1)
            case FieldKind.NUMBER if step:
                self._set(str(max(field.low, min(int(value or 0) + step, field.high))))
            case FieldKind.NUMBER | FieldKind.TEXT if event.key == "backspace":
                self._set(value[:-1])
            case FieldKind.NUMBER | FieldKind.TEXT if event.key == "ctrl+u":
                self._set("")
            case FieldKind.NUMBER if event.character is not None and event.character in "0123456789":
                typed = event.character if field.name in self._untouched else value + event.character
                self._set(typed[:6])
            case FieldKind.TEXT if event.character is not None and event.is_printable:
                self._set((value + event.character)[:_LONGEST])

    def _set(self, value: str) -> None:
        self._untouched.discard(self._field.name)
        self._values[self._field.name] = value
        self._write()

    def _turn(self, step: int) -> None:
        """Go to the next choice that can be chosen."""
        choices = self._field.choices
        at = next((n for n, choice in enumerate(choices) if choice.value == self._values[self._field.name]), 0)
        for _ in choices:
            at = (at + step) % len(choices)
            if not choices[at].why_not:
                self._set(choices[at].value)
                return

    def _go_on(self) -> None:
        for number, field in enumerate(self._form.fields):
            self._wrong = _wrong(field, self._values[field.name])
            if self._wrong:
                self._at = number
                self._write()
                return
        self.dismiss(dict(self._values))

    # ---- drawing

    def _write(self) -> None:
        panel = self._panel
        width = panel.width_for(self.size.width)
        labels = max((width_of(field.label) for field in self._form.fields), default=0) + 2
        lines: list[Words] = [[panel.part(line, "dialog-title")] for line in wrap(self._form.title, width)]
        lines.append([])
        for number, field in enumerate(self._form.fields):
            lines += self._field_lines(field, number == self._at, labels, width)
        foot = panel.paragraph(self._wrong, width, role=Role.DANGER) if self._wrong else []
        panel.show(lines, [*foot, panel.keys(("enter", "show the plan"), ("esc", "cancel"))])

    def _field_lines(self, field: Field, here: bool, labels: int, width: int) -> list[Words]:
        panel, glyphs = self._panel, self._panel.skin.glyphs
        value = self._values[field.name]
        sign = glyphs.cursor if here else " "
        label: Words = [panel.part(sign, "dialog-cursor"), panel.part(" " + pad(field.label, labels), "bar")]
        shown = {FieldKind.FLAG: "yes" if value else "no"}.get(field.kind, value)
        if field.kind is FieldKind.CHOICE:
            shown = next((choice.label for choice in field.choices if choice.value == value), value)
        # The end is where it is typed on: sign, label, a blank, and the box's blanks and cursor beside it.
        shown = shorten_middle(shown, max(_NARROWEST, width - labels - 5), glyphs.ellipsis)
        box = panel.part(f" {shown}{'_' if here and field.kind in (FieldKind.NUMBER, FieldKind.TEXT) else ''} ",
                         "button-here" if here else "button")  # fmt: skip
        lines = [[*label, box, panel.part(f"  {field.hint}" if field.hint else "", "bar-muted")]]
        if here and field.kind is FieldKind.CHOICE and len(field.choices) > 1:
            lines += self._choice_lines(field, value, labels + 2)
        return lines

    def _choice_lines(self, field: Field, value: str, indent: int) -> list[Words]:
        panel, glyphs = self._panel, self._panel.skin.glyphs
        at = next((n for n, choice in enumerate(field.choices) if choice.value == value), 0)
        first = max(0, min(at - _CHOICES_SHOWN // 2, len(field.choices) - _CHOICES_SHOWN))
        lines: list[Words] = []
        for choice in field.choices[first : first + _CHOICES_SHOWN]:
            chosen = choice.value == value
            text = choice.label + (f"  {glyphs.none} {choice.why_not}" if choice.why_not else "")
            mark = glyphs.marked if chosen else " "
            part = "bar-muted" if choice.why_not else "bar"
            lines.append([panel.part(" " * indent + f"{mark} ", "dialog-cursor"), panel.part(text, part)])
        return lines


def _wrong(field: Field, value: str) -> str:
    """Return what is wrong with a value; "" when nothing is."""
    if field.kind is FieldKind.NUMBER and not (value.isdecimal() and field.low <= int(value) <= field.high):
        return f"{field.label}: a number from {field.low} to {field.high}, not {value or 'nothing'}"
    if field.wrong is not None and (problem := field.wrong(value)):
        return f"{field.label}: {problem}"
    if field.kind is FieldKind.CHOICE:
        reason = next((choice.why_not for choice in field.choices if choice.value == value), "")
        return f"{field.label}: {reason}" if reason else ""
    return ""
