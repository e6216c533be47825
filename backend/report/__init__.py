"""Reports: a host handed in, text or JSON out. The same for local, remote and saved hosts."""
