"""The Textual dashboard: screens, widgets and dialogs over `backend`."""
