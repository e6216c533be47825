"""What is saved for boot, who else has a say in it, and which device is meant."""
