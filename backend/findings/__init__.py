"""Rules: a host → findings, each with its evidence and remedy."""

from backend.findings.rules import Finding, find, look_for_findings, named

__all__ = ["Finding", "find", "look_for_findings", "named"]
