"""Product names from the system's pci.ids; hex ids where it has none."""

from __future__ import annotations

from backend.model.text import clean

_PLACES = (
    "/usr/share/hwdata/pci.ids",
    "/usr/share/misc/pci.ids",
    "/usr/share/pci.ids",
    "/var/lib/pciutils/pci.ids",
)


class PciNames:
    """Lookups in pci.ids: the file is read when first needed, and searched only for what is asked.

    Args:
        places: where the file may lie; the first that can be read wins.
    """

    def __init__(self, places: tuple[str, ...] = _PLACES) -> None:
        self._places = places
        self._text: bytes | None = None
        self._vendors: dict[str, tuple[str, bytes]] = {}
        self._names: dict[tuple[str, str], str] = {}

    def device(self, vendor: str, device: str) -> str:
        """Return the device's name for ids of four hex digits, or "" when nobody knows it."""
        key = (vendor, device)
        found = self._names.get(key)
        if found is None:
            found = self._names[key] = self._line(self._vendor(vendor)[1], b"\n\t" + device.encode() + b"  ")
        return found

    def vendor(self, vendor: str) -> str:
        """Return the vendor's name, or ""."""
        return self._vendor(vendor)[0]

    def put_file_away(self) -> None:
        """Keep only what was looked up: the file is more than a megabyte, and read again for a vendor that comes."""
        self._text = None

    def _vendor(self, vendor: str) -> tuple[str, bytes]:
        found = self._vendors.get(vendor)
        if found is None:
            found = self._vendors[vendor] = self._section(vendor)
        return found

    def _section(self, vendor: str) -> tuple[str, bytes]:
        text = self._load()
        start = text.find(b"\n" + vendor.encode() + b"  ")
        if start < 0:
            return "", b""
        end = start + 1
        while True:
            end = text.find(b"\n", end)
            if end < 0:
                end = len(text)
                break
            if text[end + 1 : end + 2] not in (b"\t", b"#"):
                break
            end += 1
        section = text[start:end]
        return self._line(section, b"\n" + vendor.encode() + b"  "), section

    @staticmethod
    def _line(section: bytes, prefix: bytes) -> str:
        start = section.find(prefix)
        if start < 0:
            return ""
        start += len(prefix)
        end = section.find(b"\n", start)
        return clean(section[start : end if end >= 0 else len(section)], 120)

    def _load(self) -> bytes:
        if self._text is None:
            self._text = b""
            for place in self._places:
                try:
                    with open(place, "rb") as file:
                        self._text = b"\n" + file.read()
                    break
                except OSError:
                    continue
        return self._text
