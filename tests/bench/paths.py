"""Where things are: the checkout, and the cache folder of the benchmarks."""

from __future__ import annotations

import os
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent


def cache() -> Path:
    """Return the cache folder, made if missing."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    parent = Path(base) if os.path.isabs(base) else Path.home() / ".cache"
    path = parent / "iovtop-bench"
    path.mkdir(parents=True, exist_ok=True)
    return path
