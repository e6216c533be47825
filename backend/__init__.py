"""Everything iovtop knows and does, without a screen: model, host access, state, reports, commands."""

__version__ = "0.1.0"
