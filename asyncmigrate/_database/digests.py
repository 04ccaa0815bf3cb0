"""What stands applied, by file and digest alone."""

from collections.abc import Mapping, Sequence

from asyncmigrate._database.session import Session, parse_copy
from asyncmigrate._database.settled import SETTLED, digests_of, filled
from asyncmigrate._database.tables import only_ours


async def read_digests(
    session: Session, keys: Sequence[str]
) -> Mapping[str | None, str | None] | None:
    """File to digest, as `settled` tells; null when no such thing can be said."""
    names = session.names
    sql = filled(SETTLED, names.tracking_schema, names.namespace_text)
    # Row by row: of ten thousand, as lists, 3 MB.
    answer = await session.read(sql, provided=only_ours(session))
    return digests_of(parse_copy(answer), keys)
