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

SCREEN = (
    ("mark", "sent", 300),
    ("unmark", "sent", 300),
    ("nothing seen", "sent", 0),
    ("random", "cpu_ms", 5),
    ("all", "cpu_ms", 40),
    ("insert", "cpu_ms", 40),
    ("remove", "cpu_ms", 40),
    ("rest", "sent", 0),
)
"""What is done to a screen of 20 000 rows, ``cpu_ms`` or bytes ``sent``, and the limit. No ratios."""
FIRST_FRAME_TO_EMPTY = 1.1
"""Time to the first words by that of an empty Textual app's first frame."""
FILLED_TO_SNAPSHOT = 1.2
"""CPU of a filled tree, beyond what an empty app takes, by that of a snapshot."""
KEY_TO_PAINT_MS = 16.0
HELD_KB = 50.0
TEN_THOUSAND_MIB = 100.0
