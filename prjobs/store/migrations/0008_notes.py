"""The reason for the present status of each job, as a column: lists show it without reading the log."""

STATEMENTS = [
    "ALTER TABLE job ADD COLUMN note TEXT NOT NULL DEFAULT ''",
    "UPDATE job SET note = c.note FROM (SELECT job_seq, note, max(seq) FROM change WHERE queue <> 'alternate' "
    "GROUP BY job_seq) c WHERE c.job_seq = job.seq AND c.note <> ''",
]


def up(migrator, db):
    for statement in STATEMENTS:
        db.execute_sql(statement)
