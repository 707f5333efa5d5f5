"""The folders of a place stand side by side (docs/decisions/0003)"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    # On SQLite the table is copied, and its triggers go with the old one.
    triggers = (
        connection.scalars(
            sa.text("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'persisted_folders'")
        ).all()
        if connection.dialect.name == "sqlite"
        else ()
    )
    with op.batch_alter_table("persisted_folders", schema=None, table_kwargs={"sqlite_with_rowid": False}) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_persisted_folders_environment_id_user_id_surface_type"), type_="unique")
        batch_op.drop_constraint(batch_op.f("pk_persisted_folders"), type_="primary")
        batch_op.create_primary_key(
            batch_op.f("pk_persisted_folders"), ["environment_id", "user_id", "surface", "type"]
        )
        batch_op.create_unique_constraint(
            batch_op.f("uq_persisted_folders_environment_id_id"), ["environment_id", "id"]
        )
    for trigger in triggers:
        # As the driver takes it: colons in it are no parameters.
        connection.exec_driver_sql(trigger)
