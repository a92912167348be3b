"""What a served data folder runs: the threads of an open appliance, and the part of a process in a hub."""
