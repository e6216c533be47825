"""From records to a live picture: collect, join, diff, schedule."""
