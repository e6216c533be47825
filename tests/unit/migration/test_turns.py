"""Whose turn it is."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.migration.jobs.turns import link_of, waits_for
from backend.model.job import Limits, Move

PFS = ("0000:c1:00.0", "0000:c1:00.1", "mtty")


def move(*parents: str, host: str = "", uri: str = "", limits: Limits | None = None) -> Move:
    return Move("vm", "", "/run/in.qmp", host=host, uri=uri, parents=parents, limits=limits or Limits())


@pytest.mark.parametrize(
    ("one", "link"),
    [
        (move(), ""),
        (move(host="duo:hv08"), "duo:hv08"),
        (move(uri="tcp:10.0.0.7:4444"), "10.0.0.7"),
        (move(uri="tcp:[fd00::7]:4444"), "[fd00::7]"),
        (move(uri="unix:/run/x"), ""),
        (replace(move(), libvirt="qemu:///system", destination="qemu+ssh://root@hv2:22/system"), "hv2"),
        (replace(move(), libvirt="qemu:///system", destination="qemu+unix:///system?socket=/run/b"), ""),
    ],
)
def test_what_its_data_goes_over(one: Move, link: str) -> None:
    assert link_of(one) == link


def test_functions_of_one_pf_wait_for_each_other_and_others_do_not() -> None:
    limits = Limits(per_pf=4, per_link=9)
    before = [move(PFS[0], PFS[0], PFS[0], limits=limits)]
    assert waits_for(move(PFS[0], limits=limits), before) == ""
    assert PFS[0] in waits_for(move(PFS[0], PFS[0], limits=limits), before)
    assert waits_for(move(PFS[1], PFS[1], limits=limits), before) == ""


def test_one_with_more_than_the_limit_goes_alone() -> None:
    limits = Limits(per_pf=2, per_link=9)
    many = move(*[PFS[0]] * 5, limits=limits)
    assert waits_for(many, []) == ""
    assert waits_for(many, [move(PFS[0], limits=limits)])


def test_links_are_counted_apart() -> None:
    there = [move(host="duo:hv08"), move(host="duo:hv08")]
    assert "at once to duo:hv08" in waits_for(move(host="duo:hv08"), there)
    assert waits_for(move(), there) == ""


@given(
    st.lists(st.lists(st.sampled_from(PFS), max_size=4), min_size=1, max_size=12),
    st.integers(1, 4),
    st.integers(1, 4),
    st.data(),
)
def test_limits_hold_in_whatever_order_they_end_and_all_get_their_turn(
    devices: list[list[str]], per_pf: int, per_link: int, data: st.DataObject
) -> None:
    moves = {n: move(*one, limits=Limits(per_pf, per_link)) for n, one in enumerate(devices)}
    under_way: set[int] = set()
    while moves:
        under_way |= {n for n in moves if not waits_for(moves[n], [moves[o] for o in moves if o < n])}
        assert min(moves) in under_way
        assert len(under_way) <= per_link
        for pf, count in Counter(pf for n in under_way for pf in moves[n].parents).items():
            assert count <= per_pf or sum(pf in moves[n].parents for n in under_way) == 1
        ended = data.draw(st.sampled_from(sorted(under_way)))
        under_way.discard(ended)
        del moves[ended]
