"""Offsets in a text as people count them."""


def line_column(text: str, offset: int) -> tuple[int, int]:
    r"""Line and column of *offset*, both from 1, the column in characters.

    A line ends at ``\n``, ``\r\n`` or ``\r``.
    """
    offset = max(0, min(offset, len(text)))
    lines = text.count("\n", 0, offset) + text.count("\r", 0, offset)
    lines -= text.count("\r\n", 0, offset)
    begin = max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1
    return lines + 1, offset - begin + 1
