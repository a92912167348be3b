"""The servers that the rivals run as, each a process: `python -m tests.bench.rivals.apps.NAME PORT FOLDER [PORT]`."""
