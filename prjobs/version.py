"""The version of this appliance; pyproject.toml reads it from here."""

VERSION = "1.0.0"
