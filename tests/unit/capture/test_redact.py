"""Nothing that identifies a host survives, and what hangs together still does."""

from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from backend.capture.entry import Entry, Notes
from backend.capture.processes import hide_secrets
from backend.capture.redact import Redactor
from backend.probe.holders.vmm import assigned_devices
from backend.probe.vms import parse_command_line

MACS = st.binary(min_size=6, max_size=6).filter(lambda raw: len(set(raw)) > 1).map(lambda raw: raw.hex(":"))
UUIDS = st.uuids().map(str)
NAMES = st.from_regex(r"[a-z][a-z0-9]{5,12}", fullmatch=True).filter(lambda name: name[:3] not in ("hos", "ser", "use"))
CASES = st.sampled_from([str.lower, str.upper, str.title])


def redactor(host: str = "hv07.example.com", serial: str = "S4EVNX0R") -> Redactor:
    return Redactor(host, ["enp1s0", "lo", "storage-a"], [serial], ["root", "alice"])


@given(mac=MACS, uuid=UUIDS, host=NAMES, serial=NAMES, case=CASES)
def test_planted_identifiers_are_nowhere(mac: str, uuid: str, host: str, serial: str, case: object) -> None:
    assert callable(case)
    found = redactor(host, serial)
    text = f"dev {case(mac)} id={case(uuid)} on {case(host)}: {case(serial)}\n"
    for entry in (
        Entry("/sys/a", text.encode()),
        Entry(f"/sys/{uuid}/x", b""),
        Entry("/sys/b", target=f"../../{uuid}"),
        Entry("/sys/class/nvme/nvme0/serial", serial.encode()),
        Entry("/proc/7/cmdline", f"qemu\0-uuid\0{uuid}\0-netdev\0mac={mac}\0".encode()),
        Entry("/proc/cmdline", f"quiet host={host} ip={serial}".encode()),
    ):
        new = found.entry(entry)
        everything = f"{new.path} {new.target} {(new.data or b'').decode()}".lower()
        for secret in (mac, uuid, host, serial):
            assert not re.search(rf"(?<![a-z0-9]){re.escape(secret)}(?![a-z0-9])", everything)


def test_the_same_becomes_the_same_and_others_differ() -> None:
    found = redactor()
    one, two = "11111111-2222-4333-8444-00000000000a", "11111111-2222-4333-8444-00000000000b"
    link = found.entry(Entry(f"/sys/bus/mdev/devices/{one}", target=f"../../../devices/x/{one.upper()}"))
    assert link.target is not None
    assert link.path.rpartition("/")[2] == link.target.rpartition("/")[2]
    assert found.text(one) != found.text(two)
    assert found.replaced["uuid"] == 2
    assert re.fullmatch(r"02(:[0-9a-f]{2}){5}", found.text("52:54:00:aa:00:01"))


def test_what_says_nothing_of_anybody_stays() -> None:
    found = redactor()
    for text in ("0000:01:10.4", "enp1s0", "00:00:00:00:00:00", "8086", "vfio-pci", "root", "6.12.117+deb12-amd64"):
        assert found.text(text) == text
    assert found.text("INTERFACE=storage-a") == "INTERFACE=interface-1"
    assert found.text("hv07") != "hv07"


def test_command_lines_keep_what_concerns_assignment() -> None:
    words = [
        "/usr/bin/qemu-system-x86_64",
        "-name",
        "guest=web-1,debug-threads=on",
        "-m",
        "4096",
        "-drive",
        "file=/vm/a.img",
    ]
    words += ["-device", "vfio-pci,host=0000:01:10.0,id=vf0,x-no-mmap=on,romfile=/home/alice/rom"]
    kept = redactor().command_line(words)
    assert kept[:3] == ["qemu-system-x86_64", "-name", "guest=guest-1"]
    assert kept[-1] == "vfio-pci,host=0000:01:10.0,id=vf0,x-no-mmap=on"
    assert not any(word in " ".join(kept) for word in ("web-1", "alice", "/vm", "-drive"))


def test_what_a_vm_is_stays_and_nothing_is_taken_for_another() -> None:
    words = ["qemu-system-x86_64", "-machine", "q35,accel=kvm,dumpdtb=/home/alice/x", "-cpu", "host,model-id=alice"]
    words += ["-m", "size=4096M,slots=2", "-smp", "4,maxcpus=8", "-M", "firmware=/home/alice/y", "-S"]
    kept = redactor().command_line(words)
    assert kept[1:5] == ["-machine", "q35,accel=kvm", "-cpu", "host"]
    assert kept[5:] == ["-m", "size=4096M,slots=2", "-smp", "4,maxcpus=8", "-S"]
    line = parse_command_line(kept)
    assert (line.machine, line.accel, line.memory, line.vcpus) == ("q35", "kvm", 4096 << 20, 4)


def test_a_device_in_json_keeps_what_concerns_assignment() -> None:
    device = {"driver": "vfio-pci", "host": "0000:01:10.0", "id": "vf0", "x-no-mmap": True, "romfile": "/home/alice"}
    kept = redactor().command_line(["qemu", "-device", json.dumps(device), "-device", '{"driver":"e1000"}'])
    assert list(assigned_devices(kept)) == ["0000:01:10.0"]
    assert json.loads(kept[2]) == {name: device[name] for name in ("driver", "host", "id", "x-no-mmap")}
    for wrong in ("{", "[1]", "{}", "{" * 9999):
        assert redactor().command_line(["qemu", "-device", wrong]) == ["qemu"]


def test_routes_keep_masks_and_lose_addresses() -> None:
    route = b"Iface\tDestination\tGateway\nenp1s0\t00000000\t0102A8C0\t0003\t0\t0\t100\t00FFFFFF\n"
    data = redactor().entry(Entry("/proc/net/route", route)).data
    assert data is not None
    assert b"0102A8C0" not in data.upper()
    assert b"enp1s0\t00000000\t" in data
    assert data.endswith(b"00FFFFFF\n")


def test_processes_lose_their_users_and_arguments() -> None:
    process = {"name": "dpdk", "argv": ["/opt/alice/dpdk", "--key=1"], "uid": 1000, "user": "alice", "start_time": 1.0}
    notes = redactor().notes(Notes(processes={"7": process}))
    assert notes.processes["7"] == {**process, "argv": ["dpdk"], "user": "user-1"}


def test_secrets_are_hidden_in_any_capture() -> None:
    assert hide_secrets("secret,id=s0,data=hunter2,format=raw") == "secret,id=s0,data=***,format=raw"
    assert hide_secrets("port=5900,password=hunter2") == "port=5900,password=***"
    assert hide_secrets("vfio-pci,host=01:10.0") == "vfio-pci,host=01:10.0"
