"""The snapshot as a document: what a report in JSON holds, its schema, and its codec."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from backend import __version__
from backend.findings import Finding, find
from backend.model.boot import BootState
from backend.model.device import Device
from backend.model.facts import Note
from backend.model.group import IommuGroup
from backend.model.host import HolderScan, Host, Iommu, Weakness
from backend.model.mdev import MdevParent
from backend.model.source import SourceKind
from backend.model.vm import Vm

SCHEMA = "iovtop.snapshot/1"
"""Name and major version of the document. A field that is added does not raise it."""


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """Where the facts come from."""

    kind: SourceKind
    detail: str


@dataclass(frozen=True, slots=True)
class HostInfo:
    """The host itself."""

    name: str
    kernel: str
    boot_id: str
    uid: int
    iommu: Iommu
    weaknesses: tuple[Weakness, ...]
    holder_scan: HolderScan
    notes: dict[str, Note]
    boot: BootState | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A whole snapshot."""

    schema: str
    iovtop: str
    simulated: bool
    source: SourceInfo
    taken_at: str
    """ISO 8601, UTC."""
    filter: str
    """The query that chose the devices; "" = all of them."""
    host: HostInfo
    devices: tuple[Device, ...]
    parents: tuple[MdevParent, ...]
    groups: tuple[IommuGroup, ...]
    vms: tuple[Vm, ...]
    findings: tuple[Finding, ...]


def document_of(host: Host, devices: tuple[Device, ...] | None = None, query: str = "") -> Document:
    """Return the document of a host, or of some of its devices."""
    chosen = tuple(host.devices.values()) if devices is None else devices
    return Document(
        schema=SCHEMA,
        iovtop=__version__,
        simulated=host.simulated,
        source=SourceInfo(host.source, host.source_detail),
        taken_at=timestamp(host.taken_at),
        filter=query,
        host=HostInfo(
            host.name, host.kernel, host.boot_id, host.uid, host.iommu, host.weaknesses, host.holder_scan,
            dict(host.notes), host.boot,
        ),
        devices=chosen,
        parents=tuple(host.parents.values()),
        groups=tuple(host.groups.values()),
        vms=tuple(host.vms.values()),
        findings=find(host),
    )  # fmt: skip


def timestamp(seconds: float) -> str:
    """Return seconds since the epoch as ISO 8601 in UTC."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    """Return the plain value of what msgspec does not know: ids are strings and numbers, notes a mapping."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"no JSON for {type(value).__name__}")


_ENCODER = msgspec.json.Encoder(enc_hook=_plain)


def encode(value: Any) -> bytes:
    """Return a record or document as one line of JSON, without the line's end."""
    return _ENCODER.encode(value)


def plain_data(record: Any) -> Any:
    """Return a record as what JSON has: mappings, lists, texts and numbers."""
    return msgspec.to_builtins(record, enc_hook=_plain)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a document."""

    def plain_type(kind: type) -> dict[str, Any]:
        return {"type": "integer"} if issubclass(kind, int) else {"type": "string"}

    schema = msgspec.json.schema(Document, schema_hook=plain_type)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": SCHEMA, **schema}
