"""How far apart two colours look, and to whom.

Sources: contrast from WCAG 2.2; the three matrices from Machado, Oliveira and Fernandes, "A Physiologically-based
Model for Simulation of Color Vision Deficiency" (2009), severity 1.0, for linear sRGB. That model is weak for
tritanopia, so Brettel, Viénot and Mollon (1997) is asked as well, with the matrices of libDaltonLens (public domain).
Distances are CIEDE2000 (Sharma, Wu and Dalal, 2005): 1 is about what can be seen at all, side by side.
"""

from __future__ import annotations

from math import atan2, cos, degrees, exp, hypot, radians, sin, sqrt

Triple = tuple[float, float, float]
Matrix = tuple[Triple, Triple, Triple]

_MACHADO: dict[str, Matrix] = {
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
_BRETTEL_PLANE: Triple = (0.03901, -0.02788, -0.01113)
_BRETTEL_ABOVE: Matrix = ((1.01277, 0.13548, -0.14826), (-0.01243, 0.86812, 0.14431), (0.07589, 0.80500, 0.11911))
_BRETTEL_BELOW: Matrix = ((0.93678, 0.18979, -0.12657), (0.06154, 0.81526, 0.12320), (-0.37562, 1.12767, 0.24796))
_XYZ: Matrix = (
    (0.4124564 / 0.95047, 0.3575761 / 0.95047, 0.1804375 / 0.95047),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339 / 1.08883, 0.1191920 / 1.08883, 0.9503041 / 1.08883),
)
"""Linear sRGB to XYZ, as parts of the white D65."""

VISIONS = ("normal", *_MACHADO, "tritanopia (Brettel)")


def contrast(front: str, back: str) -> float:
    """Return the contrast ratio of two colours ``#rrggbb``, 1 to 21."""
    lighter, darker = sorted((_luminance(front), _luminance(back)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def distance(one: str, other: str, vision: str = "normal") -> float:
    """Return how far apart two colours ``#rrggbb`` are to somebody with one of ``VISIONS``."""
    return difference(_lab(_seen(_linear(one), vision)), _lab(_seen(_linear(other), vision)))


def difference(one: Triple, other: Triple) -> float:
    """Return the CIEDE2000 difference of two colours given as L*, a*, b*."""
    (l1, c1, h1), (l2, c2, h2) = _polar(one, other)
    lightness, chroma, hue = (l1 + l2) / 2, (c1 + c2) / 2, _mean_hue(h1, h2, c1 * c2)
    turn = 0.0 if c1 * c2 == 0 else (h2 - h1 + 180) % 360 - 180
    weight = (
        1 - 0.17 * _cos(hue - 30) + 0.24 * _cos(2 * hue) + 0.32 * _cos(3 * hue + 6) - 0.20 * _cos(4 * hue - 63)
    )  # fmt: skip
    by_lightness = (l2 - l1) / (1 + 0.015 * (lightness - 50) ** 2 / sqrt(20 + (lightness - 50) ** 2))
    by_chroma = (c2 - c1) / (1 + 0.045 * chroma)
    by_hue = 2 * sqrt(c1 * c2) * sin(radians(turn / 2)) / (1 + 0.015 * chroma * weight)
    blue = -2 * _saturation(chroma) * sin(radians(60 * exp(-(((hue - 275) / 25) ** 2))))
    return sqrt(by_lightness**2 + by_chroma**2 + by_hue**2 + blue * by_chroma * by_hue)


def _polar(one: Triple, other: Triple) -> tuple[Triple, Triple]:
    """Return lightness, chroma and hue in degrees of both, greys given more room."""
    stretch = 1.5 - 0.5 * _saturation((hypot(*one[1:]) + hypot(*other[1:])) / 2)
    return _stretched(one, stretch), _stretched(other, stretch)


def _stretched(lab: Triple, stretch: float) -> Triple:
    lightness, a, b = lab[0], lab[1] * stretch, lab[2]
    return lightness, hypot(a, b), degrees(atan2(b, a)) % 360 if a or b else 0.0


def _mean_hue(one: float, other: float, chromas: float) -> float:
    if chromas == 0:
        return one + other
    if abs(one - other) <= 180:
        return (one + other) / 2
    return (one + other + 360) / 2 if one + other < 360 else (one + other - 360) / 2


def _saturation(chroma: float) -> float:
    return sqrt(chroma**7 / (chroma**7 + 25.0**7))


def _cos(angle: float) -> float:
    return cos(radians(angle))


def _luminance(color: str) -> float:
    red, green, blue = _linear(color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(color: str) -> Triple:
    red, green, blue = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return _straight(red), _straight(green), _straight(blue)


def _straight(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def _seen(linear: Triple, vision: str) -> Triple:
    """Return what is left of a colour, in linear sRGB."""
    if vision == "normal":
        return linear
    if vision in _MACHADO:
        return _clipped(_times(_MACHADO[vision], linear))
    above = _dot(_BRETTEL_PLANE, linear) >= 0
    return _clipped(_times(_BRETTEL_ABOVE if above else _BRETTEL_BELOW, linear))


def _lab(linear: Triple) -> Triple:
    x, y, z = (t ** (1 / 3) if t > 216 / 24389 else (24389 / 27 * t + 16) / 116 for t in _times(_XYZ, linear))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _times(matrix: Matrix, vector: Triple) -> Triple:
    return _dot(matrix[0], vector), _dot(matrix[1], vector), _dot(matrix[2], vector)


def _dot(one: Triple, other: Triple) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def _clipped(vector: Triple) -> Triple:
    red, green, blue = (min(1.0, max(0.0, value)) for value in vector)
    return red, green, blue
