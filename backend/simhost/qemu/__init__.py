"""Simulated QEMUs that speak QMP on real unix sockets and migrate to each other over real connections."""
