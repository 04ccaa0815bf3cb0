"""The checksums that other tools keep, computed as they do.

Each takes the bytes of a file and what the tool stored of it. They prove that a file is
the one that was applied; nothing of ours is compared by them afterwards.
"""

import hashlib
import re
import zlib
from collections.abc import Callable
from typing import Final

Verify = Callable[[bytes, str], bool]

_BOM: Final = b"\xef\xbb\xbf"
_LONE_LF: Final = re.compile(rb"(?<!\r)\n")
_GRAPHILE_HASH: Final = re.compile(rb"^--! Hash: *(\S+)[ \r]*$", re.MULTILINE)


def flyway(content: bytes, stored: str) -> bool:
    """CRC-32 of the lines without their ends and without the byte-order mark, signed."""
    text = content.removeprefix(_BOM).replace(b"\r", b"").replace(b"\n", b"")
    return (zlib.crc32(text) ^ 0x8000_0000) - 0x8000_0000 == int(stored)


def sqlx(content: bytes, stored: str) -> bool:
    """SHA-384 of the raw bytes."""
    return hashlib.sha384(content).hexdigest() == stored


def prisma(content: bytes, stored: str) -> bool:
    """SHA-256, whatever the line ends are; old rows lack the zeros that pad a byte."""
    unix = content.replace(b"\r\n", b"\n")
    windows = _LONE_LF.sub(b"\r\n", content)
    digests = [hashlib.sha256(text).digest() for text in (content, unix, windows)]
    return stored in {
        written
        for digest in digests
        for written in (digest.hex(), "".join(f"{byte:x}" for byte in digest))
    }


def graphile(content: bytes, stored: str) -> bool:
    """The hash in the file's own header, which the layout holds against the text."""
    found = _GRAPHILE_HASH.search(content)
    return found is not None and found[1].decode() == stored


def sqitch(content: bytes, stored: str) -> bool:
    """SHA-1 of the raw bytes of the deploy script."""
    return hashlib.sha1(content, usedforsecurity=False).hexdigest() == stored
