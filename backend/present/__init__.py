"""What to show, without any widget: columns, trees, the filter language, glyphs."""
