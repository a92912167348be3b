"""The operator's chores: what the process does by itself between requests, backups and the doctor."""
