"""VFIO devices opened by ourselves, for a moment: the kernel's calls, a device, its state in a file."""
