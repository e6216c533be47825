"""The filter: an input at the bottom, and what it could become."""

from __future__ import annotations

from typing import Protocol

from textual.app import ComposeResult
from textual.containers import Horizontal

from backend.model.host import Host
from backend.model.text import clean
from backend.present.fields import values_of
from backend.present.filter import BadQueryError, Query, UnfinishedQueryError, completions, parse_query
from tui.term.theming import Skin
from tui.widgets.entry import Entry
from tui.widgets.line import LineWidget, Piece

_ALL = parse_query("")


class Filtered(Protocol):
    """What a filter is typed for."""

    def filter_by(self, query: Query) -> None:
        """Show what matches."""

    def filter_refused(self, why: str) -> None:
        """Say why the text that was meant is no query: it filters nothing."""

    def filter_closed(self, *, kept: bool) -> None:
        """Go on without the input; the filter is as it stands where it was kept, else as it was before."""


class FilterBar(Horizontal):
    """The input, and beside it what it could become or what is wrong with it."""

    DEFAULT_CSS = """
    FilterBar { height: 1; display: none; background: $surface; }
    FilterBar.-open, FilterBar.-kept { display: block; }
    FilterBar.-kept Entry { display: none; }
    FilterBar #filter-prompt { width: 10; }
    FilterBar #filter-hint { width: 3fr; }
    """

    def __init__(self, skin: Skin, filtered: Filtered, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._filtered = filtered
        self._before = ""
        self._host: Host | None = None
        self._values: dict[str, list[str]] = {}
        self._prompt = LineWidget(skin, "bar", id="filter-prompt")
        self.entry = Entry(self)
        self._words = LineWidget(skin, "bar", id="filter-hint")

    def compose(self) -> ComposeResult:
        """Prompt, input, hint."""
        yield self._prompt
        yield self.entry
        yield self._words

    @property
    def hint(self) -> str:
        """What stands beside the input."""
        return self._words.text

    def open(self, text: str, host: Host | None = None) -> None:
        """Begin to ask, from ``text``; values are completed from the devices of ``host``."""
        self._before = text
        self._host = host
        self.remove_class("-kept")
        self.add_class("-open")
        self._prompt.say([Piece(" filter / ", "key")])
        self.entry.begin(text)
        self._hint(text)

    @property
    def is_open(self) -> bool:
        """Whether something is being typed."""
        return self.has_class("-open")

    def put_away(self) -> None:
        """Ask no more: the filter is as it stands."""
        self.remove_class("-open")
        self._host = None
        self._values.clear()

    def close(self, *, kept: bool) -> None:
        """Put the input away, and give the keys back."""
        self.put_away()
        self._filtered.filter_closed(kept=kept)

    def remind(self, query: Query, shown: int, total: int) -> None:
        """While the input is put away: say which filter is kept, and how much it leaves."""
        if self.is_open:
            return
        self.set_class(bool(query), "-kept")
        self._prompt.say([Piece(" filter / ", "key")])
        words = [Piece(query.text, "input", 0), Piece(f"   {shown} of {total} rows   esc clears", "hint", 1)]
        self._words.say(words if query else [])

    def typed(self, text: str) -> None:
        """Ask as soon as the text means something. Unfinished, it leaves the rows alone; wrong, it filters nothing."""
        if not self.is_open:
            return
        self._hint(text)
        try:
            query = parse_query(text)
        except UnfinishedQueryError:
            return
        except BadQueryError:
            query = _ALL
        self._filtered.filter_by(query)

    def kept(self) -> None:
        """Close, with the filter as it is; stay open where it is none."""
        try:
            query = parse_query(self.entry.value)
        except BadQueryError as error:
            self._filtered.filter_by(_ALL)
            self._filtered.filter_refused(clean(str(error)))
            return
        self._filtered.filter_by(query)
        self.close(kept=True)

    def cancelled(self) -> None:
        """Close, with the filter that was before."""
        try:
            self._filtered.filter_by(parse_query(self._before))
        finally:
            self.close(kept=False)

    def completion_asked(self) -> None:
        """Complete the last word as far as the choices agree."""
        field = self.entry
        choices = self._choices(field.value)
        if not choices:
            return
        head, _, word = field.value.rpartition(" ")
        sign = "!" if word.startswith("!") else ""
        common = choices[0]
        for choice in choices[1:]:
            while not choice.startswith(common):
                common = common[:-1]
        if len(common) < len(word) - len(sign):
            return  # some choices need quotes, others do not: nothing to agree on yet
        done = common if len(choices) > 1 or common.endswith(":") else common + " "
        field.value = f"{head} {sign}{done}" if head else f"{sign}{done}"
        field.cursor_position = len(field.value)

    def _choices(self, text: str) -> list[str]:
        return completions(text, self._values_of)

    def _values_of(self, field: str) -> list[str]:
        if self._host is None:
            return []
        if field not in self._values:
            self._values[field] = values_of(self._host, field)
        return self._values[field]

    def _hint(self, text: str) -> None:
        choices = self._choices(text)
        try:
            parse_query(text)
        except BadQueryError as error:
            if not (choices and text.endswith(":")):
                self._words.say([Piece(f" {clean(str(error))} ", "error")])
                return
        words = "enter keep  esc back" if text else "free  vfio  driver:  holder:"
        if choices:
            # What every choice begins with is in the input already.
            words = f"tab {'  '.join(choice.partition(':')[2] or choice for choice in choices[:8])}"
        self._words.say([Piece(f" {words} ", "hint", cut=True)])
