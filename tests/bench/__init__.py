"""Benchmarks: iovtop beside a C floor and the tools an operator would use instead."""
