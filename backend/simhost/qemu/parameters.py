"""Migration capabilities and parameters, with QEMU 10's defaults and limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backend.simhost.qemu.errors import QmpError, argument

_CAPABILITIES = (
    "xbzrle", "rdma-pin-all", "auto-converge", "zero-blocks", "events", "postcopy-ram", "release-ram", "return-path",
    "pause-before-switchover", "multifd", "dirty-bitmaps", "postcopy-blocktime", "late-block-activate",
    "x-ignore-shared", "validate-uuid", "background-snapshot", "zero-copy-send", "postcopy-preempt",
    "switchover-ack", "dirty-limit", "mapped-ram",
)  # fmt: skip
_PARAMETERS: dict[str, int | str] = {
    "announce-initial": 50,
    "announce-max": 550,
    "announce-rounds": 5,
    "announce-step": 100,
    "avail-switchover-bandwidth": 0,
    "downtime-limit": 300,
    "max-bandwidth": 128 << 20,
    "max-cpu-throttle": 99,
    "mode": "normal",
    "multifd-channels": 2,
    "tls-authz": "",
    "tls-creds": "",
    "tls-hostname": "",
}
_CERTIFICATES = "/etc/pki/qemu"
_DOWNTIME_LIMIT = 2_000_000


class Parameters:
    """What a VM's next migration is set to."""

    def __init__(self) -> None:
        self.capabilities = dict.fromkeys(_CAPABILITIES, False)
        self.values = dict(_PARAMETERS)
        self.credentials: set[str] = set()

    @property
    def bandwidth(self) -> int:
        """``max-bandwidth`` in bytes a second; 0 = unlimited."""
        return int(self.values["max-bandwidth"])

    @property
    def downtime(self) -> float:
        """``downtime-limit`` in seconds."""
        return int(self.values["downtime-limit"]) / 1000

    def set_capabilities(self, wanted: Sequence[Mapping[str, Any]]) -> None:
        """Do what ``migrate-set-capabilities`` does."""
        fresh = dict(self.capabilities)
        for item in wanted:
            name = item["capability"]
            if name not in fresh:
                raise QmpError(f"Parameter 'capability' does not accept value '{name}'")
            fresh[name] = bool(item["state"])
        if fresh["switchover-ack"] and not fresh["return-path"]:
            raise QmpError("Capability 'switchover-ack' requires capability 'return-path'")
        self.capabilities = fresh

    def set_parameters(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Do what ``migrate-set-parameters`` does."""
        for name, value in wanted.items():
            if name not in self.values:
                raise QmpError(f"Parameter '{name}' is unexpected")
            if isinstance(self.values[name], int) and (isinstance(value, bool) or not isinstance(value, int)):
                raise QmpError(f"Invalid parameter type for '{name}', expected: integer")
        limit = wanted.get("downtime-limit", 0)
        if not 0 <= limit <= _DOWNTIME_LIMIT:
            raise QmpError("Parameter 'downtime_limit' expects an integer in the range of 0 to (2000 * 1000) ms")
        if wanted.get("tls-creds") and wanted["tls-creds"] not in self.credentials:
            raise QmpError(f"No TLS credentials with id '{wanted['tls-creds']}'")
        self.values |= wanted
        return {}

    def add_object(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Do what ``object-add`` does, for certificates: they lie where libvirt's QEMUs have theirs."""
        if argument(wanted, "qom-type") != "tls-creds-x509":
            raise QmpError(f"Parameter 'qom-type' does not accept value '{wanted['qom-type']}'")
        name = str(argument(wanted, "id"))
        if name in self.credentials:
            raise QmpError(f"attempt to add duplicate property '{name}' to object (type 'container')")
        if wanted.get("dir") != _CERTIFICATES:
            raise QmpError(f"Unable to access credentials {wanted.get('dir')}/ca-cert.pem: No such file or directory")
        self.credentials.add(name)
        return {}

    def del_object(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Do what ``object-del`` does."""
        name = str(argument(wanted, "id"))
        if name not in self.credentials:
            raise QmpError(f"object '{name}' not found")
        self.credentials.discard(name)
        return {}

    @property
    def wire(self) -> tuple[bool, bool]:
        """Whether it sends over several connections, and whether encrypted: on both sides alike, or nothing comes."""
        return self.capabilities["multifd"], bool(self.values["tls-creds"])

    def listed(self) -> list[dict[str, Any]]:
        """Return what ``query-migrate-capabilities`` does."""
        return [{"capability": name, "state": state} for name, state in self.capabilities.items()]
