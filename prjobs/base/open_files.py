"""The number of files and sockets that this process may open."""

try:
    import resource
except ImportError:  # Windows, where the count has no such limit
    resource = None  # type: ignore[assignment]


def allow_open_files(count: int) -> int:
    """Raise the limit to `count`, as far as the system lets this process; return how many of them may be open."""
    if resource is None:
        return count
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= count:
        return count
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        return soft
    return wanted
