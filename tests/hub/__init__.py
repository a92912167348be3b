"""Tests with a real PostgreSQL, as a hub uses it."""
