"""What a host shall be after a boot: saved from what it is, and made so."""
