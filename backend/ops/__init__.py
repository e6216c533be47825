"""Changes of a host: planned against the host as it is, run step by step, read back, journalled, undone."""
