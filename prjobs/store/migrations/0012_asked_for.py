"""What the program of a hand-out asked for, so that each program gets a stop for all devices."""


def up(migrator, db):
    db.execute_sql("ALTER TABLE handout ADD COLUMN asked_for TEXT NOT NULL DEFAULT ''")
