"""Replacing what identifies a host, its owner and its guests; the same thing is replaced by the same everywhere."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence
from typing import Any

from backend.capture.entry import Entry, Notes
from backend.host.doors import Files

_MAC = re.compile(rb"(?i)(?<![0-9a-f:])(?:[0-9a-f]{2}:){5}(?:(?:[0-9a-f]{2}:){14})?[0-9a-f]{2}(?![0-9a-f:])")
_UUID = re.compile(rb"(?i)(?<![0-9a-f])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9a-f])")
_NOBODYS_MAC = (b"00" * 6, b"ff" * 6, b"00" * 20)

_SERIALS = re.compile(r"/(serial|wwid|nguid|eui|uuid|subsysnqn|serial_number)\Z")
_ADDRESSES = re.compile(r"/proc/net/(route|ipv6_route|if_inet6)\Z")
_COMMON_INTERFACE = re.compile(
    r"lo|en[a-z0-9]*|eth\d+\w*|ib[a-z0-9]*|wl[a-z0-9]*|(bond|br|virbr|docker|veth|tap|vnet|macvtap|tun|dummy|team)[0-9a-f]*"
)
_KEPT_WORDS = re.compile(
    r"(intel_iommu|amd_iommu|iommu\S*|vfio\S*|kvm\S*|pci|pcie\S*|default_hugepagesz|hugepagesz|hugepages|mitigations"
    r"|isolcpus|nohz_full|module_blacklist|modprobe\.blacklist|efi|nosmt|quiet|ro|rw)(=.*)?"
)
_KEPT_FLAGS = frozenset({"-enable-kvm", "-nodefaults", "-S"})
_MACHINE = frozenset({"type", "accel"})
_KEPT_VALUES = {
    "-M": _MACHINE,
    "-machine": _MACHINE,
    "-accel": frozenset({"accel"}),
    "-cpu": frozenset[str](),
    "-m": frozenset({"size", "slots", "maxmem"}),
    "-smp": frozenset({"cpus", "sockets", "dies", "cores", "threads", "maxcpus"}),
}
"""Options that take a value → what of it is kept, beside a first part that has no key."""
_KEPT_PROPERTIES = frozenset(
    {"host", "sysfsdev", "id", "bus", "addr", "fd", "iommufd", "display", "ramfb", "enable-migration"}
)


class Redactor:
    """Replaces identifiers by false ones of the same form.

    Attributes:
        replaced: kind of identifier → how many different ones.
    """

    def __init__(self, host_name: str, interfaces: Iterable[str], serials: Iterable[str], users: Iterable[str]) -> None:
        self._known: dict[tuple[str, bytes], bytes] = {}
        self.replaced: Counter[str] = Counter()
        self._words: dict[bytes, bytes] = {}
        for kind, words in (
            ("host", [host_name, host_name.partition(".")[0]]),
            ("interface", [name for name in interfaces if not _COMMON_INTERFACE.fullmatch(name)]),
            ("serial", serials),
            ("user", [user for user in users if user not in ("root", "qemu", "libvirt-qemu", "nobody")]),
        ):
            for word in words:
                if raw := word.strip().encode("utf-8", "surrogateescape").lower():
                    self._words.setdefault(raw, self._replace(kind, raw, (kind.encode() + b"-%d").__mod__))
        longest_first = sorted(self._words, key=len, reverse=True)
        alternatives = b"|".join(re.escape(word) for word in longest_first)
        self._literal = re.compile(b"(?i)(?<![a-z0-9])(?:" + alternatives + b")(?![a-z0-9])") if alternatives else None

    @classmethod
    def of(cls, files: Files, host_name: str, users: Iterable[str]) -> Redactor:
        """Return a redactor that knows this host's own names."""
        serials = []
        for controller in _names(files, "/sys/class/nvme"):
            for name in ("serial", "subsysnqn"):
                try:
                    serials.append(
                        files.read(f"/sys/class/nvme/{controller}/{name}").decode("utf-8", "surrogateescape")
                    )
                except OSError:
                    continue
        return cls(host_name, _names(files, "/sys/class/net"), serials, users)

    def entry(self, entry: Entry) -> Entry:
        """Return an entry without identifiers."""
        path = self.text(entry.path)
        if entry.target is not None:
            return Entry(path, target=self.text(entry.target), mode=entry.mode)
        if entry.data is None:
            return Entry(path, mode=entry.mode)
        return Entry(path, self._content(entry.path, entry.data), mode=entry.mode)

    def notes(self, notes: Notes) -> Notes:
        """Return notes without identifiers."""
        processes: dict[str, dict[str, Any]] = {}
        for pid, process in notes.processes.items():
            argv = self.command_line(process["argv"])
            processes[pid] = {
                **process,
                "argv": argv,
                "name": self.text(process["name"]),
                "user": self.text(process["user"]),
            }
        errors = {self.text(path): name for path, name in notes.errors.items()}
        waiting = [self.text(path) for path in notes.waiting]
        unread = {self.text(name) for name in notes.unread}
        return Notes(errors, waiting, unread, notes.root_only, processes, notes.nodes)

    def text(self, text: str) -> str:
        """Return text without identifiers."""
        return self._patterns(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")

    def command_line(self, argv: Sequence[str]) -> list[str]:
        """Return the program's name and what of its options concerns assignment."""
        if not argv:
            return []
        kept = [argv[0].rpartition("/")[2]]
        rest = iter(argv[1:])
        for word in rest:
            if word == "-name":
                kept += [word, "guest=" + self._name_of_guest(next(rest, ""))]
            elif word in _KEPT_FLAGS:
                kept.append(word)
            elif word in _KEPT_VALUES or word == "-device":
                value = next(rest, "")
                told = _device(value) if word == "-device" else _value(value, _KEPT_VALUES[word])
                kept += [word, told] if told else []
        return [self.text(word) for word in kept]

    def _name_of_guest(self, option: str) -> str:
        name = next((part[6:] for part in option.split(",") if part.startswith("guest=")), option.split(",")[0])
        raw = name.encode("utf-8", "surrogateescape").lower()
        return self._replace("guest", raw, lambda n: b"guest-%d" % n).decode()

    def _content(self, path: str, data: bytes) -> bytes:
        if _SERIALS.search(path):
            return self._replace("serial", data.strip().lower(), lambda n: b"serial-%d" % n) + b"\n"
        if _ADDRESSES.search(path):
            return self._addresses(data)
        if path == "/proc/cmdline":
            words = data.decode("utf-8", "surrogateescape").split()
            return " ".join(word for word in words if _KEPT_WORDS.fullmatch(word)).encode() + b"\n"
        if path == "/proc/version":
            return b" ".join(data.split()[:3]) + b"\n"
        if path.endswith("/mountinfo"):
            return b"".join(self._mount(line) for line in data.splitlines())
        if path.endswith("/cmdline"):
            argv = [word.decode("utf-8", "surrogateescape") for word in data.split(b"\0") if word]
            return b"".join(word.encode("utf-8", "surrogateescape") + b"\0" for word in self.command_line(argv))
        return self._patterns(data)

    def _mount(self, line: bytes) -> bytes:
        fields = line.split()
        if len(fields) < 7 or b"-" not in fields:
            return b""
        fields[3] = b"/"
        if fields[4] not in (b"/", b"/boot", b"/boot/efi", b"/home", b"/var", b"/tmp", b"/srv", b"/opt", b"/usr"):
            fields[4] = self._replace("mount", fields[4], lambda n: b"/mount-%d" % n)
        end = fields.index(b"-")
        return self._patterns(b" ".join([*fields[:6], b"-", *fields[end + 1 : end + 3], b"rw"])) + b"\n"

    def _addresses(self, data: bytes) -> bytes:
        """Replace the addresses in a table of /proc/net: 8 or 32 hex digits, but for those of a mask."""

        def replace(found: re.Match[bytes]) -> bytes:
            raw = found[0].lower()
            if set(raw) <= set(b"0f"):
                return found[0]
            return self._replace("address", raw, lambda n: b"%0*x" % (len(raw), (10 << 4 * (len(raw) - 2)) + n))

        return self._patterns(re.sub(rb"(?i)(?<![0-9a-z])(?:[0-9a-f]{32}|[0-9a-f]{8})(?![0-9a-z])", replace, data))

    def _patterns(self, data: bytes) -> bytes:
        if b"-" in data:
            data = _UUID.sub(self._uuid, data)
        if b":" in data:
            data = _MAC.sub(self._mac, data)
        if self._literal is not None:
            data = self._literal.sub(lambda found: self._words[found[0].lower()], data)
        return data

    def _uuid(self, found: re.Match[bytes]) -> bytes:
        return self._replace("uuid", found[0].lower(), lambda n: b"00000000-0000-4000-8000-%012x" % n)

    def _mac(self, found: re.Match[bytes]) -> bytes:
        raw = found[0].lower()
        if raw.replace(b":", b"") in _NOBODYS_MAC:
            return found[0]
        octets = raw.count(b":") + 1

        def make(number: int) -> bytes:
            text = b"%0*x" % (2 * octets - 2, number)
            return b":".join([b"02", *(text[i : i + 2] for i in range(0, len(text), 2))])

        return self._replace("mac", raw, make)

    def _replace(self, kind: str, raw: bytes, make: Callable[[int], bytes]) -> bytes:
        key = (kind, raw)
        if key not in self._known:
            self.replaced[kind] += 1
            self._known[key] = make(self.replaced[kind])
        return self._known[key]


def _value(value: str, keys: Container[str]) -> str:
    """Return the first part where it has no key, and the parts with one of ``keys``."""
    parts = [part.partition("=") for part in value.split(",")]
    return ",".join("".join(part) for at, part in enumerate(parts) if part[0] in keys or (at == 0 and not part[1]))


def _device(value: str) -> str:
    """Return what of an assigned device is kept, written as it was; "" for any other device."""
    if value.startswith("{"):
        try:
            fields = json.loads(value)
        except (ValueError, RecursionError):
            return ""
        if not str(fields.get("driver", "")).startswith("vfio-"):
            return ""
        return json.dumps({name: field for name, field in fields.items() if name == "driver" or _is_kept(name)})
    if not value.startswith("vfio-"):
        return ""
    return ",".join(part for part in value.split(",") if part.startswith("vfio-") or _is_kept(part.partition("=")[0]))


def _is_kept(name: str) -> bool:
    return name in _KEPT_PROPERTIES or name.startswith("x-")


def _names(files: Files, path: str) -> list[str]:
    try:
        return sorted(files.list(path))
    except OSError:
        return []
