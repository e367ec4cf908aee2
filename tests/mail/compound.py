"""Writes small compound files (MS-CFB), and Outlook messages (MS-OXMSG) in them: the tests need none of others."""

import struct
from collections.abc import Mapping
from typing import Any

SECTOR, MINI, CUTOFF = 512, 64, 4096
FREE, END, FAT_SECTOR = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
Tree = Mapping[str, Any]  # bytes for a stream, another tree for a storage


def outlook(properties: Mapping[str, str | bytes], attachments: tuple[Tree, ...] = (), codepage: int = 1252) -> Tree:
    """The tree of a message: properties by their number, strings as UTF-16, bytes as binary or 8-bit text."""
    tree: dict[str, Any] = {"__properties_version1.0": bytes(32) + struct.pack("<HHIII", 3, 0x3FDE, 6, codepage, 0)}
    for number, value in properties.items():
        if isinstance(value, str):
            tree[f"__substg1.0_{number}001F"] = value.encode("utf-16-le")
        else:
            tree[f"__substg1.0_{number}{'0102' if number in ('1013', '3701') else '001E'}"] = value
    for index, attachment in enumerate(attachments):
        tree[f"__attach_version1.0_#{index:08X}"] = attachment
    return tree


def compound(tree: Tree) -> bytes:
    """A compound file of version 3 with this content."""
    writer = _Writer()
    writer.add("Root Entry", 5, tree)
    return writer.document()


class _Writer:
    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.minis: list[int] = []
        self.mini_stream = b""
        self.sectors: list[bytes] = []
        self.fat: list[int] = []

    def add(self, name: str, kind: int, content: Any) -> int:
        number = len(self.entries)
        entry = {"name": name, "kind": kind, "right": FREE, "child": FREE, "start": END, "size": 0}
        self.entries.append(entry)
        if isinstance(content, bytes):
            entry["size"] = len(content)
            entry["start"] = self._mini(content) if len(content) < CUTOFF else self._chain(content)
            return number
        before: dict[str, Any] = entry
        link = "child"
        for child in sorted(content, key=lambda one: (len(one), one.upper())):
            value = content[child]
            before[link] = len(self.entries)
            at = self.add(child, 2 if isinstance(value, bytes) else 1, value)
            before, link = self.entries[at], "right"
        return number

    def _mini(self, content: bytes) -> int:
        if not content:
            return END
        start, count = len(self.minis), -(-len(content) // MINI)
        self.minis += [*range(start + 1, start + count), END]
        self.mini_stream += content.ljust(count * MINI, b"\0")
        return start

    def _chain(self, content: bytes) -> int:
        if not content:
            return END
        start, count = len(self.fat), -(-len(content) // SECTOR)
        self.fat += [*range(start + 1, start + count), END]
        padded = content.ljust(count * SECTOR, b"\0")
        self.sectors += [padded[at : at + SECTOR] for at in range(0, len(padded), SECTOR)]
        return start

    def document(self) -> bytes:
        root = self.entries[0]
        root["start"], root["size"] = self._chain(self.mini_stream), len(self.mini_stream)
        minis = struct.pack(f"<{len(self.minis)}I", *self.minis)
        mini_count = -(-len(minis) // SECTOR)
        mini_start = self._chain(minis.ljust(mini_count * SECTOR, b"\xff"))
        directory = b"".join(_entry(**entry) for entry in self.entries)
        directory_start = self._chain(directory)
        fat_count = 1
        while (len(self.fat) + fat_count) * 4 > fat_count * SECTOR:
            fat_count += 1
        fat_start = len(self.fat)
        table = self.fat + [FAT_SECTOR] * fat_count
        self.sectors.append(struct.pack(f"<{len(table)}I", *table).ljust(fat_count * SECTOR, b"\xff"))
        header = struct.pack(
            "<8s16xHHHHH6xIIIIIIIIII",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0x3E, 3, 0xFFFE, 9, 6,
            0, fat_count, directory_start, 0, CUTOFF, mini_start, mini_count, END, 0, fat_start,
        )  # fmt: skip
        rest = [*range(fat_start + 1, fat_start + fat_count)]
        header += struct.pack(f"<{len(rest)}I", *rest)
        return header.ljust(SECTOR, b"\xff") + b"".join(self.sectors)


def _entry(name: str, kind: int, right: int, child: int, start: int, size: int) -> bytes:
    encoded = name.encode("utf-16-le") + b"\0\0"
    return encoded.ljust(64, b"\0") + struct.pack(
        "<HBBIII16xI16xIQ", len(encoded), kind, 1, FREE, right, child, 0, start, size
    )
