"""What was saved for boot and how the host differs from it, as text and as data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from backend.model.boot import BootState, Claim
from backend.present.glyphs import Glyphs


def state_lines(state: BootState, claims: Iterable[Claim], glyphs: Glyphs) -> Iterator[str]:
    """Yield how a host differs from what was saved, and who else has a say."""
    count = len(state.saved)
    yield f"{state.file}: {count} device{'s' * (count != 1)} saved"
    for drift in state.drift:
        yield f"  {glyphs.warning} {drift.device} {drift.text}"
        if drift.claim:
            yield f"      {drift.claim}"
    for lost in state.lost:
        yield f"  {glyphs.warning} {lost.name}: {lost.why}"
        yield f"      {lost.remedy}"
    told = {drift.claim for drift in state.drift}
    for claim in claims:
        if claim.device in state.saved and claim.text not in told:
            yield f"  {glyphs.separator} {claim.text}"
    if not state.drift and not state.lost:
        yield f"  {glyphs.marked} the host is as it was saved"
    elif any(not drift.claim for drift in state.drift):
        yield "`iovtop boot apply` makes it what was saved; `iovtop boot save` saves what it is now"


def state_data(state: BootState, claims: Iterable[Claim]) -> dict[str, Any]:
    """Return the same as plain data."""
    data: dict[str, Any] = msgspec.to_builtins(state, enc_hook=str)
    told = [{**msgspec.to_builtins(claim), "text": claim.text} for claim in claims]
    return {"kind": "boot", **data, "claims": told}
