"""Who holds what, by every means that this user has."""

from backend.probe.holders.findings import Found, HolderFindings
from backend.probe.holders.scan import look_for_holders, scan_holders

__all__ = ["Found", "HolderFindings", "look_for_holders", "scan_holders"]
