"""Reading VFs: messages as pyroute2 writes them, damaged ones, and this machine's own kernel."""

from __future__ import annotations

import errno
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from backend.host.rtnetlink import RouteSocket, parse_link
from backend.model.links import TxRate, VfInfo, VfLinkState, VfStats, VfTable, Vlan, VlanProtocol

Attributes = list[tuple[str, Any]]

LINK_STATES = list(VfLinkState)
PROTOCOLS = {VlanProtocol.CUSTOMER: 0x8100, VlanProtocol.SERVICE: 0x88A8}


def message(attributes: Attributes) -> bytes:
    """Return an RTM_NEWLINK of interface 7."""
    built = ifinfmsg()
    built["header"]["type"] = 16
    built["index"] = 7
    built["attrs"] = attributes
    built.encode()
    return bytes(built.data)


def listed(*vfs: Attributes) -> tuple[str, Any]:
    """Return the list of VFs."""
    return ("IFLA_VFINFO_LIST", {"attrs": [("IFLA_VF_INFO", {"attrs": vf}) for vf in vfs]})


def written(info: VfInfo, stats: VfStats | None = None) -> Attributes:
    """Return the attributes of a VF, in the kernel's order."""
    vf = {"vf": info.index}
    said = {None: 0xFFFFFFFF, False: 0, True: 1}
    attributes: Attributes = [
        ("IFLA_VF_MAC", {**vf, "mac": info.mac}),
        ("IFLA_VF_VLAN", {**vf, "vlan": info.vlan.id, "qos": info.vlan.qos}),
        ("IFLA_VF_RATE", {**vf, "min_tx_rate": info.rate.min, "max_tx_rate": info.rate.max}),
        ("IFLA_VF_SPOOFCHK", {**vf, "spoofchk": said[info.spoofcheck]}),
        ("IFLA_VF_TRUST", {**vf, "trust": said[info.trust]}),
        ("IFLA_VF_VLAN_LIST", {"attrs": [
            ("IFLA_VF_VLAN_INFO", {
                **vf, "vlan": info.vlan.id, "qos": info.vlan.qos, "proto": PROTOCOLS[info.vlan.protocol],
            }),
        ]}),
    ]  # fmt: skip
    if info.link is not None:
        attributes.append(("IFLA_VF_LINK_STATE", {**vf, "link_state": LINK_STATES.index(info.link)}))
    if stats is not None:
        names = ("rx_packets", "tx_packets", "rx_bytes", "tx_bytes", "broadcast", "multicast", "rx_dropped")
        counters: Attributes = [(f"IFLA_VF_STATS_{name.upper()}", getattr(stats, name)) for name in names]
        counters.append(("IFLA_VF_STATS_TX_DROPPED", stats.tx_dropped))
        attributes.append(("IFLA_VF_STATS", {"attrs": counters}))
    return attributes


counter = st.integers(0, 2**64 - 1)
number = st.integers(0, 2**31)
vf_infos = st.builds(
    VfInfo,
    index=number,
    mac=st.binary(min_size=6, max_size=6).map(lambda raw: raw.hex(":")),
    vlan=st.builds(Vlan, st.integers(0, 4095), st.integers(0, 7), st.sampled_from(VlanProtocol)),
    rate=st.builds(TxRate, number, number),
    spoofcheck=st.sampled_from([None, False, True]),
    trust=st.sampled_from([None, False, True]),
    link=st.sampled_from([None, *VfLinkState]),
)
vf_stats = st.builds(VfStats, *[counter] * 8)


@given(st.lists(st.tuples(vf_infos, vf_stats), max_size=6), st.booleans())
def test_what_was_written_is_read(vfs: list[tuple[VfInfo, VfStats]], statistics: bool) -> None:
    attributes: Attributes = [("IFLA_IFNAME", "ens3f0"), ("IFLA_NUM_VF", len(vfs))]
    if vfs:
        attributes.append(listed(*[written(info, stats if statistics else None) for info, stats in vfs]))
    expected = VfTable(
        "ens3f0", 7, "", len(vfs), tuple(info for info, _ in vfs),
        tuple(stats for _, stats in vfs) if statistics else (),
    )  # fmt: skip
    assert parse_link(message(attributes)) == expected


def test_a_driver_that_says_nothing() -> None:
    """An old kernel's message: no trust, no VLAN list."""
    old: Attributes = [
        ("IFLA_VF_MAC", {"vf": 0, "mac": "02:00:00:00:00:01"}),
        ("IFLA_VF_SPOOFCHK", {"vf": 0, "spoofchk": 0xFFFFFFFF}),
    ]
    (info,) = parse_link(message([("IFLA_NUM_VF", 1), listed(old)])).vfs
    assert info == VfInfo(0, "02:00:00:00:00:01")
    assert (info.spoofcheck, info.trust, info.link) == (None, None, None)


def test_fewer_than_there_are_is_said() -> None:
    vfs = [written(VfInfo(index, "02:00:00:00:00:01")) for index in range(3)]
    table = parse_link(message([("IFLA_NUM_VF", 252), listed(*vfs), ("IFLA_PARENT_DEV_NAME", "0000:3b:00.0")]))
    assert (table.count, len(table.vfs), table.parent) == (252, 3, "0000:3b:00.0")
    assert table.reason == "the kernel lists 3 of 252 VFs"


def test_a_list_longer_than_its_length_can_say() -> None:
    """Kernels that do not look whether the list fits into 64 KiB write its length modulo that."""
    infos = [VfInfo(index, f"02:00:00:00:{index >> 8:02x}:{index & 255:02x}", spoofcheck=True) for index in range(600)]
    raw = bytearray(message([("IFLA_IFNAME", "ens3f0"), ("IFLA_NUM_VF", 600)]))
    start = len(raw)
    one = message([listed(written(infos[0]))])[32:]
    for info in infos:
        raw += message([listed(written(info))])[36:]
    length = len(raw) - start + 4
    assert length > 0xFFFF
    raw[start:start] = struct.pack("=HH", length & 0xFFFF, 22)
    raw += one  # whatever follows
    raw[0:4] = struct.pack("=I", len(raw))
    table = parse_link(bytes(raw))
    fit = (length & 0xFFFF) // ((length - 4) // 600)
    assert table.vfs == tuple(infos[:fit])
    assert (table.interface, table.count, table.parent) == ("ens3f0", 600, "")
    assert table.reason == f"the kernel lists {fit} of 600 VFs"


def refusal(code: int, said: str = "", *, capped: bool = True) -> bytes:
    """Return an NLMSG_ERROR as the kernel writes it."""
    asked = struct.pack("=IHHII", 40, 18, 1, 1, 0) + (b"" if capped else bytes(24))
    text = said.encode() + b"\0"
    attribute = struct.pack("=HH", 4 + len(text), 1) + text if said else b""
    body = struct.pack("=i", -code) + asked + attribute
    flags = (0x100 if capped else 0) | (0x200 if said else 0)
    return struct.pack("=IHHII", 16 + len(body), 2, flags, 1, 0) + body


@pytest.mark.parametrize("capped", [True, False])
def test_what_the_kernel_says_is_the_text(capped: bool) -> None:
    with pytest.raises(OSError, match="Attribute failed policy validation") as caught:
        parse_link(refusal(errno.ERANGE, "Attribute failed policy validation", capped=capped))
    assert caught.value.errno == errno.ERANGE


def test_an_error_without_words_has_the_usual_ones() -> None:
    with pytest.raises(OSError, match="No such device") as caught:
        parse_link(refusal(errno.ENODEV))
    assert caught.value.errno == errno.ENODEV


@given(st.data())
def test_damage_is_an_error_or_less(data: st.DataObject) -> None:
    infos = [VfInfo(index, "02:00:00:00:00:01", spoofcheck=True) for index in range(3)]
    whole = message([("IFLA_NUM_VF", 3), listed(*[written(info, VfStats(1, 2, 3)) for info in infos])])
    raw = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 4))):
        if raw:
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        table = parse_link(bytes(raw))
    except OSError as error:
        assert error.errno  # noqa: PT017
    else:
        assert len(table.stats) in (0, len(table.vfs))


def test_this_kernel_answers() -> None:
    with RouteSocket() as socket:
        for statistics in (False, True):
            table = socket.vfs("lo", statistics=statistics)
            assert (table.interface, table.index, table.count, table.vfs) == ("lo", 1, 0, ())
        with pytest.raises(OSError, match="No such device") as caught:
            socket.vfs("nosuch0", statistics=True)
        assert caught.value.errno == errno.ENODEV
        assert socket.vfs("lo", statistics=False).interface == "lo"
