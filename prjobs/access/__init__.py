"""Access control: tokens, logins, roles, reservations, audit."""
