"""Ids: exactly what the kernel writes, and nothing that only looks like it."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.model.ids import BadIdError, GroupId, KernelName, MdevUuid, PciAddress, id_order, parse_device_id

UUID = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"


@pytest.mark.parametrize(
    ("text", "domain", "requester"),
    [
        ("0000:3b:00.2", 0, 0x3B02),
        ("0000:00:1f.7", 0, 0x00FF),
        ("ffff:ff:1f.7", 0xFFFF, 0xFFFF),
        ("10000:e1:00.0", 0x10000, 0xE100),
        ("ffffffff:00:00.0", 0xFFFFFFFF, 0),
    ],
)
def test_address_numbers(text: str, domain: int, requester: int) -> None:
    address = PciAddress.parse(text)
    assert (address, address.domain, address.requester) == (text, domain, requester)
    assert PciAddress.from_numbers(domain, requester) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3b:00.2",
        "0000:3b:00.2\n",
        " 0000:3b:00.2",
        "0000:3B:00.2",
        "0000:3b:00.8",
        "0000:3b:20.0",
        "000:3b:00.0",
        "00000:3b:00.0",
        "00010000:e1:00.0",
        "100000000:e1:00.0",
        "0000:3b:00",
        "0000:3b:00.2/../../x",
        "0000:3b:0٠.2",
        "００００:3b:00.2",
        "0000:3b:00.2\0",
        "../0000:3b:00.2",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(BadIdError, match="write it in full"):
        PciAddress.parse(text)


@given(st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFF))
def test_address_round_trip(domain: int, requester: int) -> None:
    address = PciAddress.parse(PciAddress.from_numbers(domain, requester))
    assert (address.domain, address.requester) == (domain, requester)


@pytest.mark.parametrize(("domain", "requester"), [(-1, 0), (0, -1), (0, 0x10000), (0x100000000, 0)])
def test_numbers_beyond_an_address(domain: int, requester: int) -> None:
    with pytest.raises(BadIdError):
        PciAddress.from_numbers(domain, requester)


@given(st.lists(st.tuples(st.integers(0, 0xFFFFF), st.integers(0, 0xFFFF)), min_size=2, unique=True))
def test_addresses_order_by_number(numbers: list[tuple[int, int]]) -> None:
    addresses = [PciAddress.from_numbers(*pair) for pair in numbers]
    expected = [PciAddress.from_numbers(*pair) for pair in sorted(numbers)]
    assert sorted(addresses) == expected
    assert sorted(addresses, key=id_order) == expected
    for one, other in itertools.pairwise(expected):
        assert one < other <= other
        assert other > one >= one
        assert not other < one


def test_a_longer_domain_comes_later() -> None:
    assert PciAddress("ffff:00:00.0") < PciAddress("10000:00:00.0")
    assert PciAddress("0000:ff:1f.7") < PciAddress("10000:e1:00.0")


def test_mdevs_come_after_all_functions() -> None:
    ids = [MdevUuid(UUID), PciAddress("ffffffff:00:00.0"), MdevUuid("0" + UUID[1:]), PciAddress("0000:00:00.0")]
    random.Random(1).shuffle(ids)
    assert sorted(ids, key=id_order) == ["0000:00:00.0", "ffffffff:00:00.0", "0" + UUID[1:], UUID]


@given(st.uuids())
def test_uuid_round_trip(uuid: object) -> None:
    assert MdevUuid.parse(str(uuid)) == str(uuid)


@pytest.mark.parametrize(
    "text",
    [
        f"{{{UUID}}}",
        f"urn:uuid:{UUID}",
        UUID.upper(),
        UUID.replace("-", ""),
        f"{UUID}\n",
        f" {UUID}",
        UUID[:-1],
        UUID + "0",
        UUID.replace("8", "٨"),
        "",
    ],
)
def test_what_is_no_uuid(text: str) -> None:
    with pytest.raises(BadIdError):
        MdevUuid.parse(text)


@given(st.integers(0, 2**31))
def test_group_round_trip(number: int) -> None:
    assert GroupId.parse(str(number)) == number


@pytest.mark.parametrize("text", ["", "007", "-1", "+1", "1_0", " 1", "1\n", "٣", "²", "0x1", "99999999999"])
def test_what_is_no_group(text: str) -> None:
    with pytest.raises(BadIdError):
        GroupId.parse(text)


@pytest.mark.parametrize("text", ["mtty-1", "nvidia-593", "i915-GVTg_V5_4", "vfio-pci", "0000:3b:00.0", "enp1s0.100"])
def test_kernel_names(text: str) -> None:
    assert KernelName.parse(text) == text


@pytest.mark.parametrize("text", ["", ".", "..", "-rf", "a/b", "a b", "a\n", "a\0", "é", "x" * 129, ".hidden"])
def test_what_is_no_kernel_name(text: str) -> None:
    with pytest.raises(BadIdError):
        KernelName.parse(text)


@given(st.text())
def test_any_text_is_an_id_or_refused(text: str) -> None:
    for parse in (PciAddress.parse, MdevUuid.parse, GroupId.parse, KernelName.parse, parse_device_id):
        try:
            kept = str(parse(text))
        except BadIdError:
            continue
        assert kept == text


def test_a_device_is_named_by_address_or_uuid() -> None:
    assert isinstance(parse_device_id("0000:3b:00.2"), PciAddress)
    assert isinstance(parse_device_id(UUID), MdevUuid)
    with pytest.raises(BadIdError, match="names no device"):
        parse_device_id("mtty")
    with pytest.raises(BadIdError):
        parse_device_id("00010000:e1:00.0")
