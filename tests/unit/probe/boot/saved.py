"""What may be saved, made up."""

from __future__ import annotations

from hypothesis import strategies as st

from backend.model.boot import DriverName, Identity, Saved, SavedFunction, SavedMdev, SavedPf, SavedVf, VfRange
from backend.model.ids import KernelName, MacAddress, MdevUuid, PciAddress
from backend.model.links import EswitchMode, PortState, VfLinkState, VlanProtocol

MOST_VFS = 12

addresses = st.integers(0, 0xFFFF).map(lambda number: PciAddress.from_numbers(0, number))
macs = st.binary(min_size=6, max_size=6).map(lambda raw: MacAddress.parse(":".join(f"{byte:02x}" for byte in raw)))
kinds = st.sampled_from(["8086:1572", "15b3:1021", ""])
words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4)
drivers = st.sampled_from(["", "vfio-pci", "igbvf", "mlx5_vfio_pci"]).map(DriverName.parse)
names = st.sampled_from(["mtty-1", "nvidia-593", "i915-GVTg_V5_4"]).map(KernelName.parse)
identities = st.builds(Identity, addresses, st.just("") | words, st.none() | macs, st.just("") | words, kinds)


policies = st.fixed_dictionaries(
    {},
    optional={
        "driver": drivers, "mac": macs, "vlan": st.integers(0, 4095), "qos": st.integers(0, 7),
        "proto": st.sampled_from(VlanProtocol), "trust": st.booleans(), "spoofcheck": st.booleans(),
        "rate": st.integers(0, 10**6), "min_rate": st.integers(0, 10**6), "link": st.sampled_from(VfLinkState),
        "msix": st.integers(0, 64), "migratable": st.booleans(), "hw_addr": macs,
        "state": st.sampled_from(PortState), "vgpu": st.integers(1, 900),
    },
)  # fmt: skip


@st.composite
def pfs(draw: st.DrawFn) -> SavedPf:
    """A PF; no VF is there twice, and none is beyond their number."""
    ends = draw(st.sampled_from([(), (4,), (2, 5), (1, 8)]))
    vfs = tuple(
        SavedVf(VfRange.of(tuple(range(start, end))), **draw(policies))
        for start, end in zip((0, *ends), ends, strict=False)
    )
    return SavedPf(
        draw(identities), draw(st.integers(max((0, *ends)), MOST_VFS)), draw(st.none() | st.booleans()),
        draw(st.none() | st.sampled_from(EswitchMode)), draw(st.none() | drivers), vfs,
    )  # fmt: skip


functions = st.builds(SavedFunction, identities, drivers)
uuids = st.uuids().map(lambda uuid: MdevUuid.parse(str(uuid)))
mdevs = st.builds(SavedMdev, uuids, names, names) | st.builds(
    SavedMdev, uuids, names, st.none(), identities, st.none() | st.integers(0, MOST_VFS)
)
wholes = st.builds(
    Saved,
    st.lists(pfs(), max_size=2).map(tuple),
    st.lists(functions, max_size=2).map(tuple),
    st.lists(mdevs, max_size=2, unique_by=lambda mdev: mdev.uuid).map(tuple),
)
