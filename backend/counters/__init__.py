"""Samplers, and rates from two samples."""
