"""Tables of a scenario as the plans that the parts of the kernel take."""

from __future__ import annotations

import dataclasses

from backend.model.links import TxRate, VfLinkState, Vlan
from backend.simhost.families import FAMILIES, Family
from backend.simhost.function import VfPlan
from backend.simhost.scenario import ParentSpec, PolicySpec, VfSpec, VmSpec
from backend.simhost.vfpolicy import VfPolicy
from backend.simhost.vms import VmPlan


def vm_plan(spec: VmSpec) -> VmPlan:
    """Return the VM that a table describes."""
    shared = {f.name for f in dataclasses.fields(VmPlan)} & {f.name for f in dataclasses.fields(VmSpec)}
    return VmPlan(**{name: getattr(spec, name) for name in shared})


def vf_plan(spec: VfSpec, index: int) -> VfPlan:
    """Return how a VF of a table begins."""
    return VfPlan(
        spec.driver,
        spec.override,
        spec.group,
        spec.net,
        spec.mac,
        spec.up,
        spec.netns,
        spec.suspended,
        spec.vgpu,
        _policy(spec.policy, index) if spec.policy is not None else None,
        spec.migratable,
    )


def _policy(spec: PolicySpec, index: int) -> VfPolicy:
    return VfPolicy(
        spec.mac.format(n=f"{index:02x}"),
        Vlan(spec.vlan, spec.qos),
        TxRate(spec.min_rate, spec.max_rate),
        spec.spoofcheck,
        spec.trust,
        VfLinkState(spec.link),
    )


def family_of(spec: ParentSpec) -> Family:
    """Return the mdev types of a parent, with the names that its table gives them."""
    family = FAMILIES[spec.family]
    if not spec.labels:
        return family
    types = tuple(
        dataclasses.replace(t, label=spec.labels.get(f"{family.driver}-{t.name}", t.label)) for t in family.types
    )
    return dataclasses.replace(family, types=types)
