"""What a plan says of itself."""

from __future__ import annotations

from backend.model.plan import Condition, Danger, Plan


def plan(*conditions: Condition) -> Plan:
    return Plan(
        asked=(), title="", devices=(), conditions=conditions, steps=(), consequences=(), undo=(), no_undo="",
        danger=Danger.REVERSIBLE, must_type="", unseen=False,
    )  # fmt: skip


def test_what_stands_in_the_way_is_told_with_what_was_found() -> None:
    held = Condition("nobody holds 0000:01:10.0", False, "held by vm web-1", "shut web-1 down")
    mate = Condition("nobody holds 0000:01:10.1", False, "held by vm web-1", "shut web-1 down")
    bare = Condition("it has a driver", False)
    found = plan(Condition("it is a VF", True), held, mate, bare)
    assert (found.ready, found.broken) == (False, (held, mate, bare))
    assert found.objections == (
        "it must be that nobody holds 0000:01:10.0; found: held by vm web-1; "
        "it must be that nobody holds 0000:01:10.1; found: held by vm web-1; "
        "it must be that it has a driver; found: it is not so"
    )
    assert found.remedies == "shut web-1 down"


def test_where_everything_holds_nothing_is_said() -> None:
    found = plan(Condition("it is a VF", True))
    assert (found.ready, found.broken, found.objections, found.remedies) == (True, (), "", "")
    assert found.conditions[0].objection == ""
