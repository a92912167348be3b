"""The cookies of a request.

http.cookies of Python before 3.11.10 takes seconds for a header of 15 kB of backslashes (CVE-2024-7592), and gives up
at a cookie of another program that it cannot read.
"""

from collections.abc import Mapping


def cookie_of(environ: Mapping[str, object], name: str) -> str:
    """Return the value of a cookie; empty without the cookie. Other programs may have left cookies in the header."""
    pairs = (pair.strip().partition("=") for pair in str(environ.get("HTTP_COOKIE", "")).split(";"))
    return next((value.strip('"') for key, _, value in pairs if key == name), "")
