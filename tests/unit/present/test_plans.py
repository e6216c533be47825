"""What a plan says, in few lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.model.host import Host
from backend.model.plan import Condition, Danger, Plan, Step
from backend.present.glyphs import ASCII
from backend.present.plans import MOST_BROKEN, broken, holding, merged
from backend.report.plan import plan_lines

VFS = [f"0000:03:00.{n}" for n in range(1, 8)]
PLAN = Plan(
    asked=(), title="16 VFs", devices=(),
    conditions=(*(Condition(f"nobody holds {vf}", True) for vf in VFS), Condition("it can", True)),
    steps=(Step("/sys/x", "7", "0", "remove them", "echo 0", ""),),
    consequences=("7 VFs go",), undo=(), no_undo="nothing brings them back", danger=Danger.DISRUPTIVE, must_type="",
    unseen=False,
)  # fmt: skip


def test_what_is_alike_is_told_once_and_few_one_by_one() -> None:
    assert merged(f"nobody holds {vf}" for vf in VFS) == [f"nobody holds {VFS[0]} to {VFS[-1]} (7 of them)"]
    assert merged(f"nobody holds {vf}" for vf in VFS[:3]) == [f"nobody holds {vf}" for vf in VFS[:3]]
    assert merged(["a", f"{VFS[0]} is x of {VFS[1]}", "b"]) == ["a", f"{VFS[0]} is x of {VFS[1]}", "b"]


@given(st.lists(st.sampled_from([*VFS, "x", "nobody holds", ""]), max_size=20))
def test_nothing_else_is_lost(words: list[str]) -> None:
    told = " ".join(merged(words))
    assert all(word in told for word in words if word not in VFS)
    assert len(merged(words)) <= len(words)


def test_a_remedy_of_several_stands_once_and_only_so_many_are_told() -> None:
    conditions = [Condition(f"nobody holds {vf}", False, "held", "stop the VM") for vf in VFS] * 2
    told = broken(conditions)
    assert [remedy for _, remedy in told if remedy] == ["stop the VM"]
    assert told[-1][0] == f"and {14 - MOST_BROKEN} more do not hold"
    assert holding(conditions) == []


def test_what_matters_most_comes_first() -> None:
    lines = list(plan_lines(PLAN, ASCII))
    places = [next(n for n, line in enumerate(lines) if line.startswith(word)) for word in
              ("16 VFs", "danger: disruptive", "undo: nothing", "consequences:", "steps:", "holds:")]  # fmt: skip
    assert places == sorted(places)
    held = replace(PLAN, conditions=(Condition("nobody holds it", False, "held", "stop it"),))
    assert list(plan_lines(held, ASCII))[1].startswith("not possible now: 1 condition does not hold")


@pytest.mark.parametrize("word", ["held by", "go with the driver"])
def test_a_group_whose_vfs_go_with_its_pf_has_a_plan(scenario: Callable[..., Host], word: str) -> None:
    from tests.unit.cli.running import iovtop

    assert scenario("messy").groups
    said = iovtop("--sim", "messy", "group", "bind", "40", "--dry-run")
    assert word in said.stdout
