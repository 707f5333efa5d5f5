"""The outbox of folder changes, written by triggers (docs/decisions/0012)"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_COPIED = "environment_id, folder_id, surface, type, protocol, path, created_at, updated_at"


def upgrade() -> None:
    op.create_table(
        "change_counters",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_change_counters")),
    )
    op.create_table(
        "folder_changes",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("environment_id", sa.BigInteger(), nullable=False),
        sa.Column("folder_id", sa.Uuid(), nullable=False),
        sa.Column("surface", sa.String(length=16), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("protocol", sa.String(length=64), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "number", name=op.f("pk_folder_changes")),
    )
    with op.batch_alter_table("folder_changes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_folder_changes_at"), ["at"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        for event, kind, row in (
            ("INSERT", "created", "NEW"),
            ("UPDATE", "updated", "NEW"),
            ("DELETE", "deleted", "OLD"),
        ):
            op.execute(_sqlite_trigger(event, kind, row))
    else:
        op.execute(_POSTGRESQL_FUNCTION)
        op.execute(
            "CREATE TRIGGER persisted_folders_change AFTER INSERT OR UPDATE OR DELETE ON persisted_folders "
            "FOR EACH ROW EXECUTE FUNCTION record_folder_change()"
        )


def _values(row: str) -> str:
    return ", ".join(
        f"{row}.{column}"
        for column in ("environment_id", "id", "surface", "type", "protocol", "path", "created_at", "updated_at")
    )


def _sqlite_trigger(event: str, kind: str, row: str) -> str:
    # julianday counts days; 2440587.5 is 1970-01-01.
    now = "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"
    return f"""
        CREATE TRIGGER persisted_folders_{kind} AFTER {event} ON persisted_folders FOR EACH ROW
        BEGIN
            INSERT INTO change_counters (user_id, number) VALUES ({row}.user_id, 1)
                ON CONFLICT (user_id) DO UPDATE SET number = number + 1;
            INSERT INTO folder_changes (user_id, number, at, kind, {_COPIED})
                SELECT {row}.user_id, number, {now}, '{kind}', {_values(row)}
                FROM change_counters WHERE user_id = {row}.user_id;
        END"""


# The row of the counter is locked until the transaction ends: so the numbers of one user are in the
# order of commit, and a reader that has seen a number has been shown all before it.
_POSTGRESQL_FUNCTION = f"""
    CREATE FUNCTION record_folder_change() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        changed persisted_folders;
        next bigint;
    BEGIN
        IF TG_OP = 'DELETE' THEN changed := OLD; ELSE changed := NEW; END IF;
        INSERT INTO change_counters (user_id, number) VALUES (changed.user_id, 1)
            ON CONFLICT (user_id) DO UPDATE SET number = change_counters.number + 1
            RETURNING number INTO next;
        INSERT INTO folder_changes (user_id, number, at, kind, {_COPIED})
            VALUES (changed.user_id, next, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
                CASE TG_OP WHEN 'INSERT' THEN 'created' WHEN 'UPDATE' THEN 'updated' ELSE 'deleted' END,
                {_values("changed")});
        PERFORM pg_notify('folder_changes', changed.user_id::text);
        RETURN NULL;
    END $$"""
