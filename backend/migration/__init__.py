"""Live migration: whether a VM can, how far it is, and where it runs in the end."""
