"""The service to start prjobs with the machine: the units of systemd, the service of Windows, and the control."""
