"""Clients that talk to a VMM."""
