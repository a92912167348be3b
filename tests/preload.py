"""A disk made slow or stuck beneath the program: a library that takes the place of fsync."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

needs_gcc = pytest.mark.skipif(os.name == "nt" or shutil.which("gcc") is None, reason="needs gcc to build the disk")
HEADERS = ("errno", "fcntl", "stdio", "string", "sys/stat", "unistd")


def with_fsync(folder: Path, body: str) -> dict[str, str]:
    """Return the environment for a program whose fsync and fdatasync do what this C code says, and then succeed."""
    source, library = folder / "fsync.c", folder / "fsync.so"
    source.write_text(
        "".join(f"#include <{name}.h>\n" for name in HEADERS) + f"int fsync(int f){{{body};return 0;}}\n"
        "int fdatasync(int f){return fsync(f);}\n"
    )
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    return {**os.environ, "LD_PRELOAD": str(library)}
