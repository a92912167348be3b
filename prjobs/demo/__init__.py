"""The demo: simulated observatories and users, plain clients of a running appliance."""
