"""Migrations as processes of their own: they outlive the terminal, and are found again."""
