"""Readers: doors → records. Everything that comes in is parsed or cleaned here, once."""
