"""The demo: simulated observatories and users, clients of a running appliance."""
