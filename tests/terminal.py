"""A command at a terminal of Unix."""

import os
import subprocess
import sys


def on_a_terminal(program, words):
    """Run a command whose stderr is a terminal; return the exit code, its stdout, and what the terminal got."""
    import pty

    terminal, its_end = pty.openpty()
    command = [sys.executable, "-m", "prjobs", *words, "--data", str(program.data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=its_end, text=True) as process:
        os.close(its_end)
        got = b""
        try:
            while some := os.read(terminal, 65_536):
                got += some
        except OSError:  # the end of a terminal on Linux
            pass
        output = process.stdout.read()
    os.close(terminal)
    return process.returncode, output, got.decode()
