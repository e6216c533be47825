"""Widgets: drawn line by line, so that a change repaints what changed and nothing else."""
