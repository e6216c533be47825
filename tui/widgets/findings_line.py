"""The second line: what is wrong, the gravest first. Hidden when nothing is."""

from __future__ import annotations

from collections.abc import Sequence

from backend.findings import Finding
from backend.model.severity import Severity
from tui.term.theming import Skin
from tui.widgets.line import LineWidget, Piece


class FindingsLine(LineWidget):
    """As many findings as fit."""

    DEFAULT_CSS = "FindingsLine { display: none; } FindingsLine.-some { display: block; }"

    def __init__(self, skin: Skin, *, id: str | None = None) -> None:
        super().__init__(skin, "base", id=id)

    def show(self, findings: Sequence[Finding]) -> None:
        """Show findings; what is merely good to know is left to the report, except that holders may be hidden."""
        grave = [f for f in findings if f.severity is not Severity.INFO or f.rule == "holders-hidden"]
        self.set_class(bool(grave), "-some")
        if not grave:
            self.say([])
            return
        glyphs = self.skin.glyphs
        worst = "finding-error" if grave[0].severity is Severity.ERROR else "finding"
        count = f" {glyphs.warning} {len(grave)} finding{'s' if len(grave) != 1 else ''} "
        texts = f" {glyphs.separator} ".join(finding.text for finding in grave[:8])
        self.say([Piece(count, worst), Piece(f" {texts}", "base", 1, cut=True)], [Piece(" ! all ", "label", 2)])
