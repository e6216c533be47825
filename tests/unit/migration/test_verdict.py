"""Where a VM runs in the end: every pair of what two sides can say."""

from __future__ import annotations

import itertools

import pytest

from backend.migration.verdict import Side, Stand, decide
from backend.model.migration import Where

HERE, THERE = Where.SOURCE, Where.DESTINATION
EXPECTED = {
    (Stand.SENT, Stand.RUNNING): THERE,
    (Stand.GONE, Stand.RUNNING): THERE,
    (Stand.SILENT, Stand.RUNNING): THERE,
    (Stand.WAITING, Stand.RUNNING): THERE,
    (Stand.RUNNING, Stand.RUNNING): Where.BOTH,
    (Stand.RUNNING, Stand.GONE): HERE,
    (Stand.RUNNING, Stand.WAITING): HERE,
    (Stand.RUNNING, Stand.SILENT): HERE,
    (Stand.SENT, Stand.GONE): Where.NEITHER,
    (Stand.SENT, Stand.WAITING): Where.NEITHER,
    (Stand.SENT, Stand.SILENT): Where.UNKNOWN,
    (Stand.GONE, Stand.GONE): Where.NEITHER,
    (Stand.GONE, Stand.WAITING): Where.NEITHER,
    (Stand.GONE, Stand.SILENT): Where.UNKNOWN,
    (Stand.SILENT, Stand.GONE): Where.UNKNOWN,
    (Stand.SILENT, Stand.SILENT): Where.UNKNOWN,
}


@pytest.mark.parametrize(
    ("stands", "where"), EXPECTED.items(), ids=lambda v: "-".join(v) if isinstance(v, tuple) else v
)
def test_table(stands: tuple[Stand, Stand], where: Where) -> None:
    assert decide(Side("web", stands[0]), Side("web", stands[1])).where is where


@pytest.mark.parametrize("stands", list(itertools.product(Stand, Stand)), ids="-".join)
def test_every_verdict_is_safe(stands: tuple[Stand, Stand]) -> None:
    source, destination = stands
    found = decide(Side("web", source), Side("web", destination), "somebody stumbled")
    alive = (Stand.RUNNING, Stand.PAUSED)
    # It moved only where it is alive over there and nowhere else.
    assert found.moved == (destination in alive and source not in alive)
    if found.where in (Where.BOTH, Where.NEITHER, Where.UNKNOWN):
        assert found.remedy
    if not found.moved:
        assert "somebody stumbled" in found.text
    # Nobody is told to let it go on here while it may run there.
    if "`cont`" in found.remedy:
        assert destination in (Stand.GONE, Stand.WAITING, Stand.SENT)
    assert found.source.startswith(source)
    assert found.destination.startswith(destination)
