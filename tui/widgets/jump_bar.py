"""Going somewhere by name: an input at the bottom, and beside it where it would lead."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Horizontal

from backend.present.places import Place, find_places
from tui.term.theming import Skin
from tui.widgets.entry import Entry
from tui.widgets.line import LineWidget, Piece


class JumpBar(Horizontal):
    """The input, and the place it means."""

    DEFAULT_CSS = """
    JumpBar { height: 1; display: none; background: $surface; }
    JumpBar.-open { display: block; }
    JumpBar #jump-prompt { width: 8; }
    JumpBar #jump-hint { width: 3fr; }
    """

    def __init__(
        self, skin: Skin, chosen: Callable[[Place], None], closed: Callable[[], None], *, id: str | None = None
    ) -> None:
        """Call ``chosen`` where the operator wants to go somewhere, and ``closed`` after that or without."""
        super().__init__(id=id)
        self._go = chosen
        self._ended = closed
        self._skin = skin
        self._known: tuple[Place, ...] | None = ()
        self._found: tuple[Place, ...] = ()
        self._choice = 0
        self._prompt = LineWidget(skin, "bar", id="jump-prompt")
        self.entry = Entry(self)
        self._words = LineWidget(skin, "bar", id="jump-hint")

    def compose(self) -> ComposeResult:
        """Prompt, input, hint."""
        yield self._prompt
        yield self.entry
        yield self._words

    @property
    def hint(self) -> str:
        """What stands beside the input."""
        return self._words.text

    def open(self, known: tuple[Place, ...] | None) -> None:
        """Begin to ask for one of the known places; None where the host has not been read yet."""
        self._known = known
        self.add_class("-open")
        self._prompt.say([Piece(" jump : ", "key")])
        self.entry.begin("")
        self._look_for("")

    def learn(self, known: tuple[Place, ...]) -> None:
        """Look among these places for what was typed before any was known."""
        if self.is_open and self._known is None:
            self._known = known
            self._look_for(self.entry.value)

    @property
    def is_open(self) -> bool:
        """Whether something is being typed."""
        return self.has_class("-open")

    def put_away(self) -> None:
        """Ask no more: nothing was meant."""
        self.remove_class("-open")
        self._known = self._found = ()

    def close(self) -> None:
        """Put the input away, and give the keys back."""
        self.put_away()
        self._ended()

    def typed(self, text: str) -> None:
        """Look for what is meant."""
        if self.is_open:
            self._look_for(text)

    def completion_asked(self) -> None:
        """Go on to the next place that could be meant."""
        if self._found:
            self._choice = (self._choice + 1) % len(self._found)
            self._hint()

    def kept(self) -> None:
        """Go there; stay open where there is no such place."""
        if self._found:
            self._go(self._found[self._choice])
            self.close()

    def cancelled(self) -> None:
        """Go nowhere."""
        self.close()

    def _look_for(self, text: str) -> None:
        self._found, self._choice = find_places(self._known or (), text), 0
        self._hint()

    def _hint(self) -> None:
        if self._known is None:
            self._words.say([Piece(" the host is still being read ", "hint")])
            return
        if not self._found:
            typed = bool(self.entry.value.strip())
            words = (
                "no such device, VM, interface, group or view"
                if typed
                else "address, VM, interface, group 8, vf 3 of ens1f0"
            )
            self._words.say([Piece(f" {words} ", "error" if typed else "hint")])
            return
        place = self._found[self._choice]
        others = len(self._found) - 1
        more = f"   {self._choice + 1} of {others + 1}: tab next" if others else ""
        self._words.say([
            Piece(f" {self._skin.glyphs.arrow} ", "hint"), Piece(place.name, "input"),
            Piece(f"  {place.words}", "hint", 1, cut=True), Piece(f"{more}   enter goes", "hint", 2),
        ])  # fmt: skip
