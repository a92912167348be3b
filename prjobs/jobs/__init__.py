"""The queue: states, the log of changes, hand-outs, leases, expiry, withdrawals."""
