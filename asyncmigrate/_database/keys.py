"""The advisory key of a namespace, for the engine and for the fast look.

Nothing is imported here that a process pays for.
"""


def advisory_key(tracking_schema: str, namespace: str) -> int:
    """A signed 64-bit integer, from a digest of both names."""
    from asyncmigrate._sha256 import sha256  # noqa: PLC0415 - not for a start with nothing to do

    parts = ("asyncmigrate", tracking_schema, namespace)
    data = b"".join(part.encode() + b"\0" for part in parts)
    return int.from_bytes(sha256(data).digest()[:8], "big", signed=True)


def halves(key: int) -> tuple[int, int]:
    """``classid`` and ``objid`` of a key, as pg_locks shows it."""
    unsigned = key & 0xFFFF_FFFF_FFFF_FFFF
    return unsigned >> 32, unsigned & 0xFFFF_FFFF
