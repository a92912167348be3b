"""Messages about alarms to people elsewhere, and the sign of life for a dead man's switch."""
