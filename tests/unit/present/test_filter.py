"""The filter language."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.findings import find
from backend.model.host import Host
from backend.present.fields import ALL_FLAGS, FIELDS
from backend.present.filter import BadQueryError, UnfinishedQueryError, completions, narrow, parse_query, suggest
from backend.present.tree import Projection, project
from backend.present.view import View
from tests.pictures import SCENARIOS

Scenario = Callable[..., Host]


def found(host: Host, query: str) -> list[str]:
    """Return the ids of the devices that match."""
    parsed = parse_query(query)
    return [str(device.id) for device in host.devices.values() if parsed.matches(host, device)]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("web-1", ["0000:01:10.0"]),
        ("WEB-1", ["0000:01:10.0"]),
        ("holder:web-?", ["0000:01:10.0"]),
        ("pid:2103", ["0000:03:00.1", "0000:03:00.2"]),
        ("vm:x", None),
        ("0000:02:10.2", ["0000:02:10.2"]),
        ("02:10.2", ["0000:02:10.2"]),
        ("id:0000:02:1*", [f"0000:02:1{n}" for n in ("0.0", "0.2", "0.4", "0.6", "1.0", "1.2", "1.4")]),
        ("pf", ["0000:01:00.0", "0000:02:00.0", "0000:03:00.0"]),
        ("pf net:enp*", ["0000:01:00.0", "0000:02:00.0"]),
        ("pf !net:enp*", ["0000:03:00.0"]),
        ("kind:pf driver:igb,nvme !driver:igb", ["0000:03:00.0"]),
        ("type:mtty-2", ["83b8f4f2-509f-382f-3c1e-e6bfe0fa1002", "83b8f4f2-509f-382f-3c1e-e6bfe0fa1003"]),
        ("mdev held", ["83b8f4f2-509f-382f-3c1e-e6bfe0fa1001", "83b8f4f2-509f-382f-3c1e-e6bfe0fa1004"]),
        ("parent:0000:01:00.0 free path:ready", ["0000:01:10.2", "0000:01:10.4"]),
        ("group:16", ["0000:05:00.0", "0000:06:01.0", "0000:06:02.0"]),
        ("group:16 driver:none", ["0000:05:00.0"]),
        ("group:16 vfio faulty", ["0000:06:02.0"]),
        ("group:16 !faulty", ["0000:05:00.0"]),
        ("parent:enp1s0 free path:ready", ["0000:01:10.2", "0000:01:10.4"]),
        ("parent:82576 parent:enp2s0 path:held,ready", ["0000:02:10.2"]),
        ("name:82576 pf", ["0000:01:00.0", "0000:02:00.0"]),
        ("numa:- pf", ["0000:01:00.0", "0000:02:00.0", "0000:03:00.0"]),
        ("pf numa:\N{EM DASH} net:-", ["0000:03:00.0"]),
        ("group:16 viable:yes", []),
        ("viable:no vfio", ["0000:06:02.0"]),
        ("!viable vfio", ["0000:06:02.0"]),
        ("pf:yes vf:no net:enp1s0", ["0000:01:00.0"]),
        ("root:0000:00:06.0 driver:igbvf", ["0000:01:11.0"]),
        ('"default route"', ["0000:01:00.0"]),
        ("nothing-like-this", []),
        ('"free"', []),
        ("driver:igb?", []),
        ("driver:IGB", ["0000:01:00.0", "0000:02:00.0"]),
        ("numa:1", []),
    ],
)
def test_queries(scenario: Scenario, query: str, ids: list[str] | None) -> None:
    if ids is None:
        with pytest.raises(BadQueryError):
            parse_query(query)
    else:
        assert found(scenario("lab"), query) == ids


def test_an_empty_query_lets_everything_through(scenario: Scenario) -> None:
    host = scenario("bare")
    query = parse_query("  \t ")
    assert not query
    projection = project(host, View.DEVICES)
    assert narrow(projection, query) is projection
    assert len(found(host, "")) == len(host.devices)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("drver:vfio*", "no field 'drver': did you mean 'driver'? fields: id, kind, driver"),
        ("xyz:1", "no field 'xyz'; fields: id, kind, driver"),
        ("driver:", "driver: needs a value, as in driver:something"),
        ("viable:perhaps", "viable: is yes or no, not 'perhaps'"),
        ("viabel:no", "no field 'viabel': did you mean 'viable'?"),
        ("driver:, vf", "driver: needs a value"),
        ('driver:""', "driver: needs a value"),
        ('"web 1', "the quote before 'web 1' is not closed"),
        ('vf holder:"web 1', "the quote before 'web 1' is not closed"),
    ],
)
def test_what_is_wrong_is_said_with_what_was_meant(query: str, message: str) -> None:
    with pytest.raises(BadQueryError) as caught:
        parse_query(query)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("query", ["af:00.0", "ffff:00:00.0", "be:", "AF:00"])
def test_a_bus_number_of_letters_is_no_field(scenario: Scenario, query: str) -> None:
    assert found(scenario("lab"), query) == []


def test_quotes_keep_blanks_and_special_words() -> None:
    assert len(parse_query('a "b c" d').terms) == 3
    assert len(parse_query('holder:"b c"').terms) == 1


def test_negation(scenario: Scenario) -> None:
    host = scenario("lab")
    for query in ("vf", "driver:vfio*", "holder:web-1", "free", "0000:01"):
        yes, no = found(host, query), found(host, f"!{query}")
        assert yes
        assert len(yes) + len(no) == len(host.devices)
        assert not set(yes) & set(no)


def test_every_field_and_flag_works_on_every_device(scenario: Scenario) -> None:
    for spec in ("lab", "messy", "vgpu", "bare"):
        host = scenario(spec)
        for name in FIELDS:
            parse_query(f"{name}:x").matches(host, next(iter(host.devices.values())))
            assert all(isinstance(t, str) for d in host.devices.values() for t in FIELDS[name](host, d))
        for flag in ALL_FLAGS:
            found(host, flag)


_WORDS = st.one_of(
    st.text(),
    st.sampled_from(
        [*ALL_FLAGS, *(f"{name}:" for name in FIELDS), '"', "!", ":", "*", "[", "]", "?", ",", "\\", " ", "(?"]
    ),
)


@given(st.lists(_WORDS, max_size=8).map("".join), _WORDS)
def test_any_text_is_a_query_or_refused_as_one(scenario: Scenario, text: str, more: str) -> None:
    host = scenario("bare")
    for query in (text, f"{text} {more}"):
        completions(query)
        try:
            parsed = parse_query(query)
        except BadQueryError:
            continue
        for device in host.devices.values():
            parsed.matches(host, device)


@given(st.text(st.characters(blacklist_characters='"')))
def test_a_quoted_text_is_looked_for_as_it_is(scenario: Scenario, text: str) -> None:
    host = scenario("bare")
    device = next(iter(host.devices.values()))
    everything = f"{device.id} {device.driver} {device.name} {device.path or ''} {device.kind}".casefold()
    if parse_query(f'"{text}"').matches(host, device) and text:
        assert text.casefold() in everything or text.casefold() in " ".join(device.netdevs) or not device.driver


@pytest.mark.parametrize(
    ("text", "choices"),
    [
        ("dr", ["drift", "driver:"]),
        ("dri", ["drift", "driver:"]),
        ("vf !he", ["held"]),
        ("n", ["numa:", "name:", "net:"]),
        ("p", ["pf", "path:", "pid:", "parent:", "power:"]),
        ("", []),
        ("vf ", []),
        ("driver:vf", []),
        ("viable:", ["viable:yes", "viable:no"]),
        ("!free:n", ["free:no"]),
    ],
)
def test_completions(text: str, choices: list[str]) -> None:
    assert completions(text) == choices


def test_suggestions() -> None:
    assert suggest("hodler", ["holder", "driver"]) == " (did you mean 'holder'?)"
    assert suggest("zzz", ["holder", "driver"]) == ""


def _is_below(part: Projection, key: str, names: set[str]) -> bool:
    while key:
        if key in names:
            return True
        key = part.parents.get(key, "")
    return False


@pytest.mark.parametrize("spec", SCENARIOS)
@pytest.mark.parametrize("view", View)
def test_what_is_faulty_is_what_the_findings_name(scenario: Scenario, spec: str, view: View) -> None:
    host = scenario(spec)
    findings = find(host)
    whole = project(host, view)
    shown = narrow(whole, parse_query("faulty")).matches
    told = {name for finding in findings for name in (finding.subject, *finding.also)}
    assert {key for key in whole.rows if key in told} <= shown
    assert {key if whole.rows[key].device is None else str(whole.rows[key].device.id) for key in shown} <= told  # type: ignore[union-attr]
    if view is View.GROUPS:
        assert {name for name in told if name.startswith("group:")} <= shown


@pytest.mark.parametrize("query", ["driver:", "numa:1 driver:", '"web 1', "viable:"])
def test_what_is_not_finished_is_told_from_what_is_wrong(query: str) -> None:
    with pytest.raises(UnfinishedQueryError):
        parse_query(query)


def test_a_row_that_is_no_device_is_found_by_its_name_with_what_it_holds(scenario: Scenario) -> None:
    whole = project(scenario("duo:hv07"), View.HOLDERS)
    part = narrow(whole, parse_query("id:holder:vm:20211"))
    assert part.matches == {"holder:vm:20211"}
    assert set(part.rows) == {"holder:vm:20211", *whole.children["holder:vm:20211"]}


@pytest.mark.parametrize("view", View)
@pytest.mark.parametrize("query", ["vfio", "held", "web-1", "mdev", "!vf", "nothing-like-this"])
def test_narrowing_keeps_what_matches_and_what_is_above(scenario: Scenario, view: View, query: str) -> None:
    host = scenario("lab")
    whole, parsed = project(host, view), parse_query(query)
    part = narrow(whole, parsed)
    matching = {key for key, row in whole.rows.items() if parsed.finds(host, row)}
    assert matching <= part.rows.keys()
    assert part.matches == matching
    devices = {key for key in matching if (device := whole.rows[key].device) and parsed.matches(host, device)}
    assert all(whole.rows[key].device is None for key in matching - devices)
    for key in part.rows:
        assert part.parents.get(key) == whole.parents.get(key)
        if part.parents.get(key):
            assert part.parents[key] in part.rows
        assert key in matching or key in part.children or _is_below(part, key, matching - devices)
    below = [key for keys in part.children.values() for key in keys]
    assert sorted(below) == sorted(part.rows)
