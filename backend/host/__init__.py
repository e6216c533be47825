"""The doors to a host: protocols, and the real one."""
