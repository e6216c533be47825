"""What PFs told of the policies of their VFs, kept from one telling to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from backend.model.device import Device
from backend.model.facts import FactState, Note, no_notes
from backend.model.ids import DeviceId
from backend.model.links import VfInfo
from backend.model.steps import Steps
from backend.state.policies import Policies


class ToldPolicies:
    """The policy of each VF whose PF was asked, or why it was not told."""

    def __init__(self) -> None:
        self._told: dict[DeviceId, VfInfo | Note] = {}

    def take(
        self, policies: Policies, devices: Mapping[DeviceId, Device], taken_at: float | None
    ) -> Steps[dict[DeviceId, Device]]:
        """Take in what PFs told; return the VFs that differ by it.

        Where a PF did not tell, what it told before is kept, as stale since ``taken_at`` (seconds since the epoch).
        """
        changed: dict[DeviceId, Device] = {}
        for pf, told in policies.items():
            yield
            device = devices.get(DeviceId(pf))
            infos = {} if isinstance(told, str) else {info.index: info for info in told.vfs}
            for vf in device.sriov.vfs if device is not None and device.sriov is not None else ():
                before = devices.get(vf)
                if before is None or before.index is None:
                    continue
                policy: VfInfo | Note
                if isinstance(told, str):
                    since = taken_at if before.policy is not None else None
                    policy = Note(FactState.STALE if since else FactState.UNKNOWN, told, since)
                else:
                    unknown = Note(FactState.UNKNOWN, told.reason or "its driver does not tell")
                    policy = infos.get(before.index) or unknown
                if self._told.get(vf) == policy:
                    continue  # told before: it was put on the record when that was read
                self._told[vf] = policy
                after = self.put_on(before)
                if after != before:
                    changed[vf] = after
        return changed

    def put_on(self, device: Device) -> Device:
        """Return a device with what its PF enforces on it, as far as that was told."""
        policy = self._told.get(device.id)
        if policy is None:
            return device
        notes = {field: note for field, note in device.notes.items() if field != "policy"}
        if isinstance(policy, Note):
            return replace(device, notes={**notes, "policy": policy})
        return replace(device, policy=policy, notes=notes or no_notes())

    def forget(self, device: DeviceId) -> None:
        """Forget what was told of a VF: it is gone."""
        self._told.pop(device, None)
