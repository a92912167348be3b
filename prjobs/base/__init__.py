"""The foundation: clock, errors, settings, data folder, catalogue of commands, limits, notices, logs."""
