"""The modules that a process of prjobs imported, as the process prints at its end."""

# The program prints the names of its modules at the end, behind its own output.
LAUNCHER = (
    "import atexit, sys; "
    "atexit.register(lambda: print('\\n', *(name for name, module in sys.modules.items() if module))); "
)
RUN = LAUNCHER + "from prjobs.cli import main; sys.exit(main(sys.argv[1:]))"
BARE = LAUNCHER


def named(output: str) -> set[str]:
    """Return the modules in the last line of the output, and the packages of these modules."""
    names = output.splitlines()[-1].split()
    return {".".join(name.split(".")[:count]) for name in names for count in (1, 2, len(name))}
