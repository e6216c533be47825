"""PMUs as sysfs describes them: spelling an event, narrowing it down to a function, and counting it."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import mmap
import os
import struct
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.counters.events import OpenEvent
from backend.counters.iort import Iort
from backend.counters.pinning import pins_of
from backend.counters.pmu import BadEvent, Format, Pmu, encode, parse_format, parse_terms, read_pmu, spell
from backend.counters.tracepoints import parse_cpus
from backend.host.doors import EventConfig, EventCount
from backend.host.linux import LinuxHost
from backend.host.perf import LinuxPerf
from backend.model.counters import HOST, CounterState
from backend.model.device import Device, DeviceKind
from backend.model.host import Host, Iommu
from backend.model.ids import PciAddress
from tests.unit.counters.measuring import Measured

_DATA = Path(__file__).parents[2] / "data/pmus.toml"
HELD = "0000:c1:00.2"


@pytest.fixture(scope="module")
def pmus(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Pmu]:
    """The PMUs of the data file, read out of a tree."""
    root = tmp_path_factory.mktemp("sys")
    devices = root / "bus/event_source/devices"
    table = tomllib.loads(_DATA.read_text())
    for name, files in table.items():
        for key, value in files.items():
            folder = devices / name / key if isinstance(value, dict) else devices / name
            folder.mkdir(parents=True, exist_ok=True)
            for file, text in value.items() if isinstance(value, dict) else ((key, value),):
                (folder / file).write_text(f"{text}\n")
    doors = LinuxHost(str(root))
    found = {name: read_pmu(doors.files, name) for name in table}
    doors.close()
    return {name: pmu for name, pmu in found.items() if pmu is not None}


def _device(address: str, **fields: object) -> Device:
    return dataclasses.replace(Device(PciAddress(address), DeviceKind.VF, "/devices/x"), **fields)  # type: ignore[arg-type]


def _pins(
    pmus: Mapping[str, Pmu], device: Device, units: dict[str, str], iort: Iort | None = None
) -> dict[str, EventConfig]:
    """Return "PMU instance" → the first event that each pin makes."""
    like = Measured("bare").host
    host: Host = dataclasses.replace(like, iommu=Iommu(tuple(units), "", units))
    pins = pins_of(host, device, frozenset(pmus), pmus.get, iort)
    return {f"{pin.pmu} {pin.instance}": spell(pmus[pin.pmu], pin.of.counters[0].id, pin.terms) for pin in pins}


def test_intel_counts_by_requester_id(pmus: Mapping[str, Pmu]) -> None:
    found = _pins(pmus, _device(HELD, iommu_unit="dmar3"), {"dmar3": "dmar3"})
    assert found == {"dmar3 dmar3": EventConfig(31, 0x0000002, 0xC102 << 16 | 1)}


def test_amd_counts_by_device_id_and_compares_all_its_bits(pmus: Mapping[str, Pmu]) -> None:
    found = _pins(pmus, _device("0000:41:00.3", iommu_unit="ivhd1"), {"ivhd1": "amd_iommu_1"})
    assert found == {"amd_iommu_1 amd_iommu_1": EventConfig(15, 0x4103 << 8 | 5, 0xFFFF)}


def test_xe_counts_by_function_from_one_for_vfs(pmus: Mapping[str, Pmu]) -> None:
    vf = _device("0000:03:00.2", parent="0000:03:00.0", index=1)
    found = _pins(pmus, vf, {})
    assert found["xe_0000_03_00.0 render"] == EventConfig(52, 2 | 2 << 44)
    assert found["xe_0000_03_00.0 compute"] == EventConfig(52, 2 | 4 << 20 | 2 << 44)
    pf = _pins(pmus, _device("0000:03:00.0"), {})
    assert pf["xe_0000_03_00.0 render"] == EventConfig(52, 2)


def test_hisilicon_counts_by_address_behind_its_core_only(pmus: Mapping[str, Pmu]) -> None:
    inside = _pins(pmus, _device("0000:81:00.1"), {})
    assert inside == {"hisi_pcie0_core1 hisi_pcie0_core1": EventConfig(61, 0x104, 0, 0x8101 << 16)}
    assert _pins(pmus, _device("0000:a1:00.1"), {}) == {}


def test_designware_counts_the_root_port(pmus: Mapping[str, Pmu]) -> None:
    found = _pins(pmus, _device("0003:01:00.1", root_port=PciAddress("0003:00:00.0")), {})
    assert found == {"dwc_rootport_30000 dwc_rootport_30000": EventConfig(70, 0x21)}


def _iort() -> bytes:
    """A table with one root complex of segment 0 behind one SMMUv3, and its PMCG."""
    smmu_at, pmcg_at = 48, 48 + 68
    complex_at = pmcg_at + 40
    node = struct.Struct("<BHBIII")
    smmu = node.pack(4, 68, 4, 0, 0, 0) + struct.pack("<Q", 0x2B400000) + bytes(68 - 16 - 8)
    pmcg = node.pack(5, 40, 1, 1, 0, 0) + struct.pack("<QIIQ", 0x2B442000, 0, smmu_at, 0)
    root = node.pack(2, 36 + 20, 3, 2, 1, 36) + struct.pack("<QII", 0, 0, 0) + bytes(4)
    root += struct.pack("<IIIII", 0x100, 0xFEFF, 0x10100, smmu_at, 0)
    body = smmu + pmcg + root
    head = b"IORT" + struct.pack("<I", 48 + len(body)) + bytes(28) + struct.pack("<III", 3, 48, 0)
    assert complex_at == 48 + 68 + 40
    return head + body


def test_an_smmu_counts_by_the_stream_id_of_the_firmware(pmus: Mapping[str, Pmu]) -> None:
    found = _pins(pmus, _device("0000:02:00.1"), {}, Iort(_iort()))
    assert found == {"smmuv3_pmcg_2b442 smmuv3_pmcg_2b442": EventConfig(40, 1, 0x10201 | 1 << 33)}
    assert _pins(pmus, _device("0001:02:00.1"), {}, Iort(_iort())) == {}
    assert _pins(pmus, _device("0000:02:00.1"), {}) == {}


@given(st.data())
def test_a_damaged_table_is_never_a_fault(data: st.DataObject) -> None:
    raw = bytearray(_iort())
    for _ in range(data.draw(st.integers(0, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    Iort(bytes(raw[: data.draw(st.integers(0, len(raw)))])).stream_of(0, 0x0201)


@given(st.text(max_size=40))
def test_no_text_of_a_pmu_is_a_fault(text: str) -> None:
    with contextlib.suppress(BadEvent):
        parse_format(text)
    with contextlib.suppress(BadEvent):
        parse_terms(text)
    parse_cpus(text)


@given(st.lists(st.integers(1, 12), min_size=1, max_size=5).filter(lambda widths: sum(widths) <= 60), st.data())
def test_what_is_spelled_can_be_read_back(widths: list[int], data: st.DataObject) -> None:
    formats, terms, place = {}, {}, 0
    for number, width in enumerate(widths):
        formats[f"t{number}"] = parse_format(f"config1:{place}-{place + width - 1}")
        terms[f"t{number}"] = data.draw(st.integers(0, 2**width - 1))
        place += width
    found = encode(Pmu("pmu", 9, formats, {}), terms)
    place = 0
    for number, width in enumerate(widths):
        assert found.config1 >> place & (1 << width) - 1 == terms[f"t{number}"]
        place += width
    assert (found.config, found.config2) == (0, 0)


def test_a_value_in_two_pieces_goes_where_its_format_says() -> None:
    pmu = Pmu("pmu", 9, {"umask": parse_format("config:8-15,32-39")}, {})
    assert encode(pmu, {"umask": 0xABCD}).config == 0xCD << 8 | 0xAB << 32
    assert parse_format("config3:5") == Format("config3", (5,))


@pytest.mark.parametrize("terms", [{"nosuch": 1}, {"event": 1 << 28}, {"event": -1}])
def test_what_cannot_be_spelled_says_why(pmus: Mapping[str, Pmu], terms: dict[str, int]) -> None:
    with pytest.raises(BadEvent, match=r"dmar3"):
        encode(pmus["dmar3"], terms)


def test_an_event_that_wants_a_parameter_is_refused(pmus: Mapping[str, Pmu]) -> None:
    with pytest.raises(BadEvent, match=r"no term with a value"):
        spell(pmus["dwc_rootport_30000"], "rx_memory_read", {})


class _Shared:
    """An event that has a counter for part of the time."""

    def __init__(self, *counts: EventCount) -> None:
        self._counts = list(counts)

    def read(self) -> EventCount:
        return self._counts.pop(0)

    def close(self) -> None:
        self._counts.clear()


def test_an_event_that_shared_its_counter_is_stretched_and_says_so() -> None:
    event = OpenEvent([_Shared(EventCount(100, 1000, 1000), EventCount(150, 2000, 1250), EventCount(150, 3000, 1250))])
    assert (event.read(), event.share) == (100, 1.0)
    assert (event.read(), event.share) == (300, 0.25)
    assert (event.read(), event.share) == (300, 0.0)


def test_a_simulated_iommu_counts_one_function_and_not_its_neighbour() -> None:
    measured = Measured("duo")
    idle = "0000:c1:00.6"
    for _ in range(3):
        measured.tick({HELD, idle})
    busy = measured.flow(HELD, "perf-vtd")
    assert busy.state is CounterState.KNOWN
    assert all(rate is not None and rate > 0 for rate in (busy.rates[0], busy.rates[1]))
    assert measured.flow(idle, "perf-vtd").rates[0] == 0.0


def test_only_so_many_functions_are_counted_at_once() -> None:
    measured = Measured("duo")
    measured.tick()
    flows = [f for flows in measured.meter.activity.values() for f in flows if f.set.id == "perf-vtd"]
    full = [f for f in flows if "no more than" in f.reason]
    assert len(flows) > 16
    assert len(flows) - len(full) == 16


def test_tracepoints_count_while_the_host_is_looked_at() -> None:
    measured = Measured("duo")
    measured.tick({HELD})
    assert HOST not in measured.meter.activity
    measured.tick({HELD, HOST})
    measured.tick({HELD, HOST})
    assert (measured.rate(HOST, "tracepoints", "iommu/map") or 0) > 100
    measured.tick({HELD})
    assert HOST not in measured.meter.activity


def test_perf_events_that_a_user_may_not_open_are_hidden() -> None:
    measured = Measured("duo", privileged=False)
    measured.tick({HELD, HOST})
    assert measured.flow(HELD, "perf-vtd").state is CounterState.HIDDEN
    assert "CAP_PERFMON" in measured.flow(HELD, "perf-vtd").reason
    assert measured.flow(HOST, "tracepoints").state is CounterState.HIDDEN


def test_the_real_kernel_counts_a_software_event() -> None:
    software, page_faults = 1, 2
    try:
        event = LinuxPerf().open(EventConfig(software, page_faults), cpu=-1, pid=os.getpid())
    except OSError as error:
        assert error.errno in (errno.EACCES, errno.EPERM, errno.ENOSYS)  # noqa: PT017
        return
    before = event.read()
    with mmap.mmap(-1, 8 << 20) as fresh:  # memory that the allocator gives may have been touched before
        fresh[:: mmap.PAGESIZE] = bytes(len(fresh) // mmap.PAGESIZE)
    after = event.read()
    event.close()
    event.close()
    assert after.value > before.value
    assert after.enabled >= after.running > 0


def test_the_real_kernel_refuses_what_is_no_event() -> None:
    with pytest.raises(OSError) as caught:  # noqa: PT011
        LinuxPerf().open(EventConfig(0xFFFF, 1), cpu=0)
    assert caught.value.errno in (errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENODEV, errno.EINVAL, errno.ENOSYS)
