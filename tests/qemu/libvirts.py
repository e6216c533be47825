"""Two libvirts on one machine: each in mount, network and UTS namespaces of its own, with a cable between them."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.qemu.certificates import make_certificates
from tests.qemu.real import accelerator, find_qemu, load_image

UUID = str(uuid.uuid4())
NAME = f"moving-{os.getpid()}"
"""The processes of all VMs of this machine are seen, those of other runs of the tests too."""
MEGABYTES = 64
_START = 60.0
_FOLDERS = {"etc": "/etc/libvirt", "lib": "/var/lib/libvirt", "run": "/run/libvirt", "log": "/var/log/libvirt"}
_PROGRAMS = ("libvirtd", "unshare", "nsenter", "ip", "openssl")
_ADDRESSES = {"alpha": "10.7.0.1", "beta": "10.7.0.2"}
_DAEMON = """
host_uuid = "{uuid}"
auth_unix_ro = "none"
auth_unix_rw = "none"
listen_tls = 0
listen_tcp = 1
auth_tcp = "none"
log_outputs = "3:file:{root}/log/libvirtd.log"
"""
_QEMU = """
user = "root"
group = "root"
security_driver = "none"
namespaces = []
cgroup_controllers = []
remember_owner = 0
dynamic_ownership = 0
stdio_handler = "file"
keepalive_interval = 1
keepalive_count = 3
migration_host = "{address}"
migrate_tls_x509_cert_dir = "{certificates}"
migrate_tls_x509_verify = 1
"""
_USERS = {"passwd": "libvirt-qemu:x:64055:64055::/:/bin/false", "group": "kvm:x:64056:\nlibvirt-qemu:x:64055:"}
"""libvirtd wants them, whoever its VMs run as."""


def why_not() -> str:
    """Return why no libvirt can be run here; "" where it can."""
    if os.geteuid() != 0:
        return "two libvirts need namespaces of their own: run it as root"
    if importlib.util.find_spec("libvirt") is None:
        return "no libvirt-python here: `make venv-libvirt` adds it"
    missing = [name for name in _PROGRAMS if shutil.which(name, path=_path()) is None]
    if missing:
        return f"no {', '.join(missing)} here: apt install libvirt-daemon libvirt-daemon-driver-qemu iproute2 openssl"
    if not find_qemu():
        return "no qemu-system-x86_64 here: install it, or run `make lab` once"
    tried = subprocess.run(["unshare", "-m", "-n", "-u", "true"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else f"no namespaces here: {tried.stderr.decode(errors='replace').strip()}"


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


class LibvirtHost:
    """One libvirtd. Files of this machine are visible in it."""

    def __init__(self, folder: Path, cache: Path, name: str, address: str, certificates: Path) -> None:
        self.name = name
        self.address = address
        self._root = folder / name
        self._cache = cache
        for part in _FOLDERS:
            (self._root / part).mkdir(parents=True)
        identity = uuid.uuid5(uuid.NAMESPACE_DNS, name)
        (self._root / "etc/libvirtd.conf").write_text(_DAEMON.format(uuid=identity, root=self._root))
        (self._root / "etc/qemu.conf").write_text(_QEMU.format(address=address, certificates=certificates))
        for file, lines in _USERS.items():
            known = Path("/etc", file).read_text()
            new = "".join(f"{line}\n" for line in lines.splitlines() if f"\n{line.split(':')[0]}:" not in known)
            (self._root / file).write_text(known + new)
        self.daemon = self._start()

    @property
    def uri(self) -> str:
        """Where it is reached from outside."""
        return f"qemu+unix:///system?socket={self._socket}"

    @property
    def _socket(self) -> Path:
        return self._root / "run/libvirt-sock"

    def _start(self) -> subprocess.Popen[bytes]:
        binds = {str(self._root / part): place for part, place in _FOLDERS.items()}
        binds |= {str(self._root / file): f"/etc/{file}" for file in _USERS}
        binds[str(self._cache)] = "/var/cache/libvirt"
        lines = ["set -e", f"hostname {self.name}", "ip link set lo up"]
        lines += [f"mkdir -p {shlex.quote(place)}" for place in (*_FOLDERS.values(), "/var/cache/libvirt")]
        lines += [f"mount --bind {shlex.quote(ours)} {shlex.quote(place)}" for ours, place in binds.items()]
        lines.append(f"exec libvirtd --listen --pid-file {shlex.quote(str(self._root / 'libvirtd.pid'))}")
        with (self._root / "out").open("wb") as out:
            return subprocess.Popen(
                ["unshare", "-m", "-n", "-u", "sh", "-c", "\n".join(lines)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
                env={**os.environ, "PATH": _path(), "LC_ALL": "C.UTF-8"},
            )  # fmt: skip

    def connect(self) -> Any:
        """Return a connection, as soon as it listens. To be closed while the daemon answers."""
        import libvirt

        until = time.monotonic() + _START
        while True:
            assert self.daemon.poll() is None, (self._root / "log/libvirtd.log").read_text(errors="replace")[-2000:]
            if self._socket.exists():
                try:
                    return libvirt.open(self.uri)
                except libvirt.libvirtError:
                    assert time.monotonic() < until
            time.sleep(0.05)

    def state(self) -> int | None:
        """Return the state of the domain here (``virDomainState``); None where there is none."""
        import libvirt

        connection = self.connect()
        try:
            return int(connection.lookupByUUIDString(UUID).state()[0])
        except libvirt.libvirtError:
            return None
        finally:
            connection.close()

    def kill(self) -> None:
        """Let the daemon die; what it started lives on."""
        self.daemon.kill()
        self.daemon.wait()

    def freeze(self) -> None:
        """Stop the daemon, as a host that hangs does."""
        self.daemon.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.daemon.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End the daemon and its VMs."""
        with contextlib.suppress(ProcessLookupError):
            self.thaw()
        for file in self._root.glob("run/qemu/*.pid"):
            with contextlib.suppress(ValueError, ProcessLookupError):
                os.kill(int(file.read_text()), signal.SIGKILL)
        if self.daemon.poll() is None:
            self.daemon.terminate()
            try:
                self.daemon.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()


class LibvirtPair:
    """A domain on one libvirt, and another one that it can go to."""

    def __init__(self, folder: Path, source: LibvirtHost, destination: LibvirtHost) -> None:
        self.folder = folder
        self.source = source
        self.destination = destination

    def start(self, *, pages_per_second: int = 6000, extra: str = "", persistent: bool = False) -> None:
        """Start the domain, whose guest dirties so many pages a second."""
        image = load_image(self.folder, pages_per_second=pages_per_second, megabytes=16)
        text = definition(image, extra)
        connection = self.source.connect()
        try:
            if persistent:
                domain = connection.defineXML(text)
                domain.create()
            else:
                domain = connection.createXML(text, 0)
            wanted = min(4.0, pages_per_second * 4096 / (1 << 20) / 4)
            in_a_row = 0
            while in_a_row < 2:  # its firmware writes too, for a moment
                in_a_row = in_a_row + 1 if _dirty_rate(connection, domain) >= wanted else 0
        finally:
            connection.close()


def _dirty_rate(connection: Any, domain: Any) -> int:
    """Return how many MiB of its memory the guest changes, as measured for a second."""
    import libvirt

    domain.startDirtyRateCalc(1)
    while True:
        ((_, found),) = connection.domainListGetStats([domain], libvirt.VIR_DOMAIN_STATS_DIRTYRATE)
        if found.get("dirtyrate.calc_status") == libvirt.VIR_DOMAIN_DIRTYRATE_MEASURED:
            return int(found["dirtyrate.megabytes_per_second"])
        time.sleep(0.1)


def definition(image: Path, extra: str = "") -> str:
    """Return the XML of a small domain."""
    kind = "kvm" if accelerator() == "kvm" else "qemu"
    return f"""<domain type='{kind}'>
      <name>{NAME}</name><uuid>{UUID}</uuid><memory unit='MiB'>{MEGABYTES}</memory><vcpu>1</vcpu>
      <os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features>
      <cpu mode='custom' match='exact' check='none'><model fallback='allow'>qemu64</model></cpu>
      <devices><emulator>{find_qemu()}</emulator>
        <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{image}'/>
          <target dev='vda' bus='virtio'/><readonly/></disk>
        <controller type='usb' model='none'/><memballoon model='none'/>{extra}
      </devices></domain>"""


@contextlib.contextmanager
def libvirt_pair(cache: Path) -> Iterator[LibvirtPair]:
    """Two libvirts with a cable between them.

    Args:
        cache: where they keep what they found out about QEMU.
    """
    with tempfile.TemporaryDirectory(prefix="iovtop-") as name:
        folder = Path(name)
        hosts: list[LibvirtHost] = []
        certificates = make_certificates(folder / "certificates", *_ADDRESSES.values())
        try:
            for side, address in _ADDRESSES.items():
                hosts.append(LibvirtHost(folder, cache, side, address, certificates))
            for host in hosts:
                host.connect().close()
            _cable(*hosts)
            yield LibvirtPair(folder, *hosts)
        finally:
            for host in hosts:
                host.close()


def _cable(left: LibvirtHost, right: LibvirtHost) -> None:
    pids = [str(host.daemon.pid) for host in (left, right)]
    ends = ["type", "veth", "peer", "name", "cable", "netns", pids[1]]
    _do("ip", "link", "add", "cable", "netns", pids[0], *ends)
    for host, pid in zip((left, right), pids, strict=True):
        inside = ("nsenter", "--net", "--target", pid, "ip")
        _do(*inside, "addr", "add", f"{host.address}/24", "dev", "cable")
        _do(*inside, "link", "set", "cable", "up")


def _do(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, env={**os.environ, "PATH": _path()})
