"""The fault of a device."""


class DeviceFault(Exception):
    """A device refused, failed, does not answer, or is not there."""
