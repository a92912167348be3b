"""What staff see: views of jobs and sites, alarms, health."""
