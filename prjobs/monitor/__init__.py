"""The monitor for staff: views of jobs and sites, alarms, health."""
