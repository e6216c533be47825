"""What it costs to record counters with nothing painted: of a tree of VFs, and of real interfaces beside ``ip``.

    python -m tests.bench.recording tree TICKS         (with the tree on /sys)
    unshare --mount --net --propagation private python -m tests.bench.recording interfaces COUNT TICKS

Prints one line of JSON. Ticks follow each other without a pause: it is their CPU time that counts.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from backend.counters.all import samplers_of, waiting_samplers_of
from backend.counters.meter import Meter
from backend.host.doors import HostDoors
from backend.host.linux import LinuxHost
from backend.model.device import Device, DeviceKind
from backend.model.host import Host
from backend.model.ids import DeviceId, PciAddress
from backend.model.steps import at_once
from backend.recording.recorder import Recorder
from backend.state.collect import Collector
from backend.state.diff import difference
from backend.state.live import empty_host
from tests.bench import tools


class _Seconds:
    """A clock by which every tick is a second later: what is read once a second is read in each of them."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    boottime = time = monotonic

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def recorded(doors: HostDoors, host: Host, ids: set[str], ticks: int) -> dict[str, Any]:
    """Record ``ticks`` ticks of the devices ``ids``; return CPU seconds and reads a tick, and bytes of the file."""
    clock = _Seconds()
    meter = Meter(clock, samplers_of(doors), waiting_samplers_of(doors), histories=False)
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(Path(folder) / "recording", clock)
        meter.listeners.append(recorder.listen)
        before = empty_host(host)

        def tick() -> None:
            nonlocal before
            clock.now += 1.0
            at_once(meter.read(host, ids))
            new = replace(host, activity=meter.activity)
            recorder.tick(difference(before, new, 0))
            before = new

        for sampler in meter.waiting:
            asyncio.run(meter.read_waiting(sampler, host, ids))
        tick()
        gc.freeze()  # as the program does it after the first picture
        size, reads, cpu = recorder.size, _reads(), time.process_time()
        for _ in range(ticks):
            tick()
        cpu, reads, size = time.process_time() - cpu, _reads() - reads, recorder.size - size
        recorder.close()
    meter.close()
    return {
        "subjects": len(recorder.subjects),
        "cpu_s": cpu / ticks,
        "reads": reads / ticks,
        "bytes": size / ticks,
        "readings": recorder.readings / recorder.ticks,
    }


def _reads() -> int:
    for line in Path("/proc/self/io").read_text(encoding="ascii").splitlines():
        if line.startswith("syscr:"):
            return int(line.split()[1])
    raise RuntimeError("/proc/self/io has no syscr")


def _tree(ticks: int) -> dict[str, Any]:
    doors = LinuxHost()
    collector = Collector(doors)
    at_once(collector.read_all())
    assert collector.host is not None
    host = collector.host
    vfs = {str(device.id) for device in host.devices.values() if device.index is not None}
    return {"vfs": len(vfs), **recorded(doors, host, vfs, ticks)}


def _interfaces(number: int, ticks: int) -> dict[str, Any]:
    # A sysfs shows the network namespace of whoever mounts it.
    subprocess.run(["mount", "-t", "sysfs", "sysfs", "/sys"], check=True)
    batch = "".join(f"link add d{place} type bridge\n" for place in range(number))
    subprocess.run(["ip", "-batch", "-"], input=batch, text=True, check=True)
    doors = LinuxHost()
    collector = Collector(doors)
    at_once(collector.read_all())
    assert collector.host is not None
    devices: dict[DeviceId, Device] = {}
    for place in range(number):
        address = PciAddress.from_numbers(0x1000, place)
        devices[address] = Device(address, DeviceKind.VF, "/devices/none", netdevs=(f"d{place}",))
    host = replace(collector.host, devices=devices)
    # In turn, so that a busy moment of the machine meets all of them.
    rounds = []
    for _ in range(3):
        ours = recorded(doors, host, set(map(str, devices)), ticks)
        rounds.append(
            (ours, _children(["ip", "-s", "-j", "link"], ticks), tools.floor(Path("/sys"), "netstat", repeat=3))
        )
    ours = min((one for one, _, _ in rounds), key=lambda one: float(one["cpu_s"]))
    return {
        **ours,
        "to_ip": statistics.median(one["cpu_s"] / ip for one, ip, _ in rounds),
        "to_floor": statistics.median(
            one["cpu_s"] / one["reads"] / (floor.cpu_ms / 1e3 / floor.attributes) for one, _, floor in rounds
        ),
        "ip_cpu_s": min(ip for _, ip, _ in rounds),
        "floor_cpu_s": min(floor.cpu_ms / 1e3 for _, _, floor in rounds),
    }


def _children(command: list[str], times: int) -> float:
    """Return CPU seconds of one run of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(times):
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) / times


def main() -> int:
    """Measure what the command line names."""
    kind, *numbers = sys.argv[1:]
    print(json.dumps(_tree(int(numbers[0])) if kind == "tree" else _interfaces(int(numbers[0]), int(numbers[1]))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
