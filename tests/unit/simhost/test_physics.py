"""The model of a migration's progress: what must hold whatever the guest does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backend.simhost.qemu.physics import DeviceLoad, Load, Physics

MIB = 1 << 20

loads = st.builds(
    Load,
    ram=st.integers(1, 4096).map(lambda n: n * MIB),
    dirty_rate=st.floats(0, 4e9),
    working_set=st.integers(0, 512).map(lambda n: n * MIB),
    zero_share=st.floats(0, 0.9),
    link=st.floats(1e6, 1e10),
)
devices = st.lists(st.builds(DeviceLoad, st.integers(0, 64 * MIB), st.integers(0, 64 * MIB)), max_size=3).map(tuple)


@given(loads, devices, st.integers(0, 1 << 33), st.lists(st.floats(0, 2), min_size=1, max_size=80))
def test_nothing_is_sent_faster_than_allowed_or_counted_backwards(
    load: Load, plugged: tuple[DeviceLoad, ...], limit: int, steps: list[float]
) -> None:
    physics = Physics(load, plugged)
    for step in steps:
        before = (physics.transferred, physics.vfio, physics.passes)
        physics.advance(step, limit)
        sent = physics.transferred - before[0]
        assert 0 <= sent <= min(limit or load.link, load.link) * step * (1 + 1e-9) + 1
        assert physics.vfio >= before[1]
        assert physics.passes - before[2] in (0, 1)
        assert 0 <= physics.remaining <= max(load.ram, load.working_set)
        assert physics.vfio <= sum(device.initial for device in plugged) + 1
    physics.finish()
    assert physics.remaining == 0
    assert physics.vfio <= sum(device.initial + device.stop_copy for device in plugged) + 1


def test_it_converges_when_the_guest_is_slower_than_the_link() -> None:
    physics = Physics(Load(1024 * MIB, 10 * MIB, 64 * MIB, link=1e9), (DeviceLoad(MIB, 4 * MIB),))
    for _ in range(200):
        physics.advance(0.05, 128 * MIB)
        if physics.fits(0.3, 128 * MIB):
            break
    assert physics.fits(0.3, 128 * MIB)
    assert physics.passes > 1


def test_it_never_converges_when_the_device_alone_takes_longer_than_the_limit() -> None:
    physics = Physics(Load(64 * MIB, 0, 0, link=1e9), (DeviceLoad(0, 100 * MIB),))
    for _ in range(400):
        physics.advance(0.05, 128 * MIB)
        assert not physics.fits(0.3, 128 * MIB)
    assert physics.fits(1.0, 128 * MIB)
