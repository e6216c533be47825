"""How a device is plugged in again as it was: what QEMU takes, and what it makes of it."""

from __future__ import annotations

import pytest

from backend.vmm.devices import KEPT, plug_arguments
from backend.vmm.errors import CommandRefused
from tests.qemu.machines import Pair, open_monitor

NOWHERE = "0000:99:00.0"


async def test_every_property_that_is_kept_is_taken_in_the_form_in_which_it_is_read(pair: Pair) -> None:
    """Properties are set before the device is looked for: that it is not there is the only complaint."""
    async with await open_monitor(pair.source_sockets, pair.source) as monitor:
        listed = await monitor.ask("device-list-properties", {"typename": "vfio-pci"})
        values = {one["name"]: one["default-value"] for one in listed if one["name"] in KEPT and "default-value" in one}
        assert values["x-no-mmap"] is False
        assert len(values) > 10
        with pytest.raises(CommandRefused, match="no such host device"):
            await monitor.ask(
                "device_add", {"driver": "vfio-pci", "id": "v", "bus": "rp1", "host": NOWHERE, **values}, deadline=30
            )


async def test_a_device_comes_back_as_it_was(pair: Pair) -> None:
    plug = {"driver": "virtio-net-pci", "id": "n9", "bus": "rp1", "failover_pair_id": "", "addr": "00.0"}
    if pair.kind == "simulated":
        del plug["addr"]
    async with await open_monitor(pair.source_sockets, pair.source) as monitor:
        await monitor.ask("device_add", plug)
        properties = {
            "id": "n9",
            "driver": "virtio-net-pci",
            "host": "kept",
            "parent_bus": await monitor.ask("qom-get", {"path": "/machine/peripheral/n9", "property": "parent_bus"}),
        }
        again = await plug_arguments(monitor, properties)
        assert again.pop("host") == "kept"
        assert (again["driver"], again["id"], again["bus"]) == ("virtio-net-pci", "n9", "rp1")
        again.pop("romfile", None)  # that of virtio-net-pci is its own
        with monitor.listen("DEVICE_DELETED") as events:
            await monitor.ask("device_del", {"id": "n9"})
            while (event := await events.next(20)) is not None and event["data"].get("device") != "n9":
                continue
        assert event is not None
        await monitor.ask("device_add", again)
        assert await plug_arguments(monitor, properties) == again | {"host": "kept"} | (
            {"romfile": "efi-virtio.rom"} if pair.kind == "real" else {}
        )
