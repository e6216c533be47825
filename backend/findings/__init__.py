"""Rules: a host → findings, each with its evidence and remedy."""

from backend.findings.rules import Finding, find

__all__ = ["Finding", "find"]
