"""What can go wrong with the lab itself."""

from __future__ import annotations


class LabError(Exception):
    """The lab cannot do what was asked; the message says why and what helps."""


class NoLabKernel(LabError):
    """There is no lab kernel, and building one takes too long to be done unasked."""
