"""The terminal: what it can show, how themes become styles, the clipboard."""
