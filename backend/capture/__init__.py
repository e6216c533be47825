"""Records of a host, small enough to be sent: what iovtop reads, in an archive that it can open again."""
