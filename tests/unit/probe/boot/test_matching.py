"""Which function is meant by what was saved of it, wherever the cards have gone."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from backend.model.boot import Identity, Lost
from backend.model.ids import MacAddress, PciAddress
from backend.probe.boot.matching import find

NIC = "8086:1572"


def card(place: int, serial: str = "", mac: int = 0, slot: str = "", ids: str = NIC, function: int = 0) -> Identity:
    """Return a function at a place, as ``place`` = 3b for 0000:3b:00.0."""
    address = PciAddress.from_numbers(0, place << 8 | function)
    return Identity(address, serial, MacAddress(f"02:00:00:00:00:{mac:02x}") if mac else None, slot, ids)


@st.composite
def hosts(draw: st.DrawFn) -> list[Identity]:
    """Cards that all differ in serial number and address, some of them silent about one or the other."""
    places = draw(st.lists(st.integers(1, 200), min_size=1, max_size=8, unique=True))
    return [
        card(place, f"s{place}" if draw(st.booleans()) else "", place if draw(st.booleans()) else 0) for place in places
    ]


@given(hosts(), st.data())
def test_a_card_is_known_wherever_it_goes(before: list[Identity], data: st.DataObject) -> None:
    saved = data.draw(st.sampled_from(before))
    places = data.draw(st.permutations([one.address for one in before]))
    after = [replace(one, address=place) for one, place in zip(before, places, strict=True)]
    moved = after[before.index(saved)]
    if saved.serial or saved.mac:
        assert find(saved, after) == moved.address
    order = data.draw(st.permutations(after))
    assert find(saved, order) == find(saved, after)


@given(hosts(), st.data())
def test_never_one_that_tells_another_serial_or_address(there: list[Identity], data: st.DataObject) -> None:
    place, number = data.draw(st.integers(1, 200)), data.draw(st.integers(1, 200))
    saved = card(place, data.draw(st.sampled_from(["", f"s{number}"])), data.draw(st.sampled_from([0, number])))
    found = find(saved, there)
    if isinstance(found, Lost):
        assert found.why
        assert found.remedy
        return
    one = next(one for one in there if one.address == found)
    assert not (saved.serial and one.serial and saved.serial != one.serial)
    assert not (saved.mac and one.mac and saved.mac != one.mac and saved.serial != one.serial)


@given(hosts())
def test_whoever_is_there_is_found(there: list[Identity]) -> None:
    for one in there:
        assert find(one, there) == one.address


def test_ports_of_a_card_share_its_serial_number() -> None:
    there = [card(0x5E, "c", function=0), card(0x5E, "c", function=1)]
    assert find(card(0x3B, "c", function=1), there) == "0000:5e:00.1"
    found = find(replace(card(0x3B, "c"), address=None), there)
    assert isinstance(found, Lost)
    assert found.why == "it could be any of 0000:5e:00.0, 0000:5e:00.1"
    assert found.remedy == 'write into its identity which one, as in address = "0000:5e:00.0" for the first'


def test_an_ambiguity_names_what_tells_them_apart() -> None:
    there = [card(0x5E, mac=1), card(0x5F, mac=2)]
    found = find(Identity(slot="2", ids=NIC), there)
    assert isinstance(found, Lost)
    assert found.remedy.endswith('mac = "02:00:00:00:00:01" for 0000:5e:00.0')


def test_another_card_at_the_same_place_is_not_taken_for_it() -> None:
    found = find(card(0x3B, "old"), [card(0x3B, "new")])
    assert isinstance(found, Lost)
    assert found.why == "at its place is another card: its serial is new, not old"
    assert found.remedy == (
        'write serial = "new" if it shall be as the old one was; '
        "else put it back, or let iovtop forget it: `iovtop boot remove 0000:3b:00.0`"
    )


def test_the_slot_goes_before_the_address_and_another_kind_is_never_meant() -> None:
    there = [card(0x5E, slot="2"), card(0x3B, slot="3"), card(0x60, ids="15b3:1021")]
    assert find(card(0x3B, slot="2"), there) == "0000:5e:00.0"
    assert find(card(0x3B, ids=""), there) == "0000:3b:00.0"
    lost = find(card(0x5E, ids="1234:5678"), there)
    assert isinstance(lost, Lost)
    assert lost.why == "this host has no 1234:5678 now"
    gone = find(card(0x77), there)
    assert isinstance(gone, Lost)
    assert gone.why == "nothing on this host has this identity now"


def test_what_nobody_can_read_is_not_held_against_a_card() -> None:
    there = [card(0x3B), card(0x5E)]
    assert find(card(0x3B, "s", 7), there) == "0000:3b:00.0"
