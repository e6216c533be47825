"""Recordings: what a host was and did, in a file that survives being cut off and notices being damaged."""
