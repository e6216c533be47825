"""Which device of a host is meant by what was saved of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from backend.model.boot import Identity, Lost
from backend.model.ids import PciAddress


def find(saved: Identity, there: Iterable[Identity]) -> PciAddress | Lost:
    """Return the function that is meant among those that are there.

    A serial number or a permanent address that is told decides, wherever the card is now; one that differs rules a
    function out, even at the very place. Only where neither is told does the place decide: the slot, else the address.

    Args:
        there: what each function of the host tells of itself; every one has its address.
    """
    pool = [one for one in there if not (saved.ids and one.ids and saved.ids != one.ids)]
    if not pool:
        return Lost(saved.name, f"this host has no {saved.ids or 'function'} now", _removal(saved))
    others: list[Identity] = []
    sure = False
    for value in (_serial, _mac):
        wanted = value(saved)
        if not wanted or (sure and len(pool) == 1):
            continue
        same = [one for one in pool if value(one) == wanted]
        if not same:
            others += [one for one in pool if value(one)]
        pool = same or [one for one in pool if not value(one)]
        sure = sure or bool(same)
        if same:
            pool = _same_number(saved, pool)
    if not sure:
        pool = _by_place(saved, pool)
    elif len(pool) > 1:
        pool = [one for one in pool if one.address == saved.address] or pool
    if len(pool) == 1:
        address = pool[0].address
        assert address is not None
        return address
    return _ambiguous(saved, pool) if pool else _gone(saved, others)


def _serial(identity: Identity) -> str:
    return identity.serial


def _mac(identity: Identity) -> str:
    return identity.mac or ""


def _same_number(saved: Identity, pool: Sequence[Identity]) -> list[Identity]:
    """Return the functions of a card that have the number of the one that was saved; all where none has."""
    if saved.address is None or len(pool) == 1:
        return list(pool)
    number = saved.address.requester & 7
    return [one for one in pool if one.address is not None and one.address.requester & 7 == number] or list(pool)


def _by_place(saved: Identity, pool: Sequence[Identity]) -> list[Identity]:
    if saved.slot:
        same = [one for one in pool if one.slot == saved.slot]
        if same:
            return _same_number(saved, same)
        pool = [one for one in pool if not one.slot]
    return [one for one in pool if one.address == saved.address] if saved.address is not None else list(pool)


def _ambiguous(saved: Identity, pool: Sequence[Identity]) -> Lost:
    names = ", ".join(sorted(str(one.address) for one in pool))
    for name, value in (("mac", _mac), ("serial", _serial)):
        values = {value(one) for one in pool}
        if len(values) == len(pool) and "" not in values:
            example = f'{name} = "{value(pool[0])}" for {pool[0].address}'
            break
    else:
        example = f'address = "{pool[0].address}" for the first'
    return Lost(saved.name, f"it could be any of {names}", f"write into its identity which one, as in {example}")


def _gone(saved: Identity, others: Sequence[Identity]) -> Lost:
    at_its_place = next((one for one in others if one.address == saved.address), None)
    if at_its_place is None:
        return Lost(saved.name, "nothing on this host has this identity now", _removal(saved))
    tells: Sequence[tuple[str, Callable[[Identity], str]]] = (("serial", _serial), ("mac", _mac))
    name, value = next((name, value) for name, value in tells if value(saved) and value(at_its_place) != value(saved))
    found = value(at_its_place)
    return Lost(
        saved.name,
        f"at its place is another card: its {name} is {found or 'not told'}, not {value(saved)}",
        f'write {name} = "{found}" if it shall be as the old one was; else {_removal(saved)}',
    )


def _removal(saved: Identity) -> str:
    how = f"`iovtop boot remove {saved.address}`" if saved.address is not None else "take its entry out of the file"
    return f"put it back, or let iovtop forget it: {how}"
