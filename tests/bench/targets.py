"""The limits that figures are held against. All are ratios within one run, or say so."""

SIZES = ("L", "XL")
"""Where the limits of a snapshot, of a tick and of memory hold: on small hosts the start outweighs all."""
SNAPSHOT_TO_LSPCI = 0.8
"""CPU of our snapshot by that of ``lspci -vmmk``, at L."""
SNAPSHOT_TO_FLOOR = 1.0
"""CPU of our snapshot by that of ``floor full``, at L."""
LINEAR_GROWTH = 1.1
"""How CPU a device grows from one size to the next, by how that of ``floor full`` does.

The floor grows by some percent itself: more inodes than the processor's caches hold."""
TICK_CORE_PERCENT = 2.0
"""Percent of a core that a live view of L takes at one tick a second, as on a real kernfs. No ratio."""
MODEL_TO_DICTS = 1.0
"""Memory of the model by that of one dict with 20 strings a device."""
STARTUP_TO_BARE = 1.3
"""CPU of ``iovtop --version`` by that of a Python that only imports argparse."""
HOLDERS_TO_READLINKS = 1.5
"""CPU of the holder scan by that of one readlink for every descriptor of every process, in Python."""
