"""Drift of what no picture of a host holds: modes of switches, interrupt vectors, ports, vendor vGPU types."""

from __future__ import annotations

from collections.abc import AsyncIterator

from backend.model.boot import Drift, Lost
from backend.model.requests import SetEswitch, SetMsixCount, SetPort, SetVgpuType
from backend.ops.boot.phases import Phase, requests_for
from backend.ops.boot.sight import Sight
from backend.ops.errors import OperationError
from backend.ops.operator import Operator

_VERBS = frozenset({SetEswitch.verb, SetMsixCount.verb, SetPort.verb, SetVgpuType.verb})


async def drift_beyond(sight: Sight, operator: Operator) -> AsyncIterator[Drift]:
    """Yield what applying would change of that: where a plan has steps, host and file differ."""
    for phase in (Phase.SWITCH, Phase.SETTINGS):
        for entry, name in sight.placed.entries:
            requests = requests_for(phase, entry, name, sight.scene)
            for request in () if isinstance(requests, Lost) else requests:
                if request.verb not in _VERBS:
                    continue
                device = str(request.arguments.get("vf") or name)
                try:
                    plan = await operator.plan([request])
                except OperationError as error:
                    yield Drift(device, request.verb, "something", f"what cannot be read: {error}")
                    continue
                for step in plan.steps:
                    yield Drift(device, step.text, step.new or "none", step.old or "none")
