"""Takes what is simulated out of rollups, also where its readings are long gone.

What is still read from readings follows by itself: whoever deletes readings notes the hours that changed.
"""

from collections.abc import Sequence

from psycopg.sql import SQL, Composed, Identifier

from storage.connection import Connection, rows
from storage.rollups import SCHEMA
from storage.rollups_plan import AGGREGATE, GROUP, TABLE
from storage.statements import statement


async def purge(connection: Connection, devices: Sequence[int]) -> None:
    """Delete simulated rows, and those of these devices, from all rollups that hold rows."""
    for name, kind in await rows(connection, statement("rollups_with_rows")):
        if kind == GROUP:
            await connection.execute(SQL("delete from {} where simulated").format(Identifier(SCHEMA, name)))
        elif kind in {TABLE, AGGREGATE}:
            target = Identifier(SCHEMA, name)
            if kind == AGGREGATE:
                [(schema, table)] = await rows(connection, statement("materialization"), (name,))
                target = Identifier(schema, table)
            await connection.execute(_delete(target), (list(devices),))
    await connection.execute(_delete(Identifier("penfeld", "restart")), (list(devices),))


def _delete(target: Identifier) -> Composed:
    return SQL("delete from {} where simulated or device = any(%s)").format(target)
