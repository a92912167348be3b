"""Who may do what: tokens, logins, roles, reservations, audit."""
