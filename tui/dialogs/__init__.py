"""Dialogs of changes: what is asked for, the plan, the run."""
