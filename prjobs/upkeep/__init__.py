"""The upkeep of an appliance: chores between requests, backups, the doctor."""
