"""The folders of a place stand side by side (docs/decisions/0003)"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_PLACE = ("environment_id", "user_id", "surface", "type")
_UNIQUE_ID = "uq_persisted_folders_environment_id_id"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _copy_on_sqlite()
    else:
        # In one statement, so that the table is never without its keys.
        op.execute(
            "ALTER TABLE persisted_folders DROP CONSTRAINT pk_persisted_folders, "
            "DROP CONSTRAINT uq_persisted_folders_environment_id_user_id_surface_type, "
            f"ADD CONSTRAINT pk_persisted_folders PRIMARY KEY ({', '.join(_PLACE)}), "
            f"ADD CONSTRAINT {_UNIQUE_ID} UNIQUE (environment_id, id)"
        )


def _copy_on_sqlite() -> None:
    connection = op.get_bind()
    # They go with the table.
    triggers = connection.scalars(
        sa.text("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'persisted_folders'")
    ).all()
    op.create_table(
        "new_persisted_folders",
        sa.Column("environment_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("surface", sa.String(length=16), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("protocol", sa.String(length=64), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("surface IN ('web', 'desktop')", name=op.f("ck_persisted_folders_surface")),
        sa.CheckConstraint("type IN ('home', 'pinned', 'custom_products')", name=op.f("ck_persisted_folders_type")),
        sa.CheckConstraint("length(path) <= 4096", name=op.f("ck_persisted_folders_path")),
        sa.CheckConstraint("length(protocol) BETWEEN 1 AND 64", name=op.f("ck_persisted_folders_protocol")),
        sa.ForeignKeyConstraint(
            ["environment_id"],
            ["environments.id"],
            name=op.f("fk_persisted_folders_environment_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_persisted_folders_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint(*_PLACE, name=op.f("pk_persisted_folders")),
        sa.UniqueConstraint("environment_id", "id", name=op.f(_UNIQUE_ID)),
        sqlite_with_rowid=False,
    )
    op.execute(f"INSERT INTO new_persisted_folders SELECT * FROM persisted_folders ORDER BY {', '.join(_PLACE)}")
    op.drop_table("persisted_folders")
    op.rename_table("new_persisted_folders", "persisted_folders")
    op.create_index(op.f("ix_persisted_folders_user_id_id"), "persisted_folders", ["user_id", "id"])
    for trigger in triggers:
        # As the driver takes it: colons in it are no parameters.
        connection.exec_driver_sql(trigger)
