"""The cookies of a request.

http.cookies of Python before 3.11.10 takes seconds for a header of 15 kB of backslashes (CVE-2024-7592), and gives up
at a cookie of another program that it cannot read.
"""

from collections.abc import Mapping
from http.cookies import SimpleCookie


def cookie_of(environ: Mapping[str, object], name: str) -> str:
    """Return the value of a cookie; empty without the cookie. Other programs may have left cookies in the header."""
    return next(iter(cookies_of(environ, name)), "")


def cookies_of(environ: Mapping[str, object], name: str) -> list[str]:
    """Return the values of all cookies of the name: a site of the same domain may have set one beside ours."""
    if "HTTP_COOKIE" not in environ:
        return []
    pairs = (pair.strip().partition("=") for pair in str(environ["HTTP_COOKIE"]).split(";"))
    return list(dict.fromkeys(value.strip('"') for key, _, value in pairs if key == name))


def login_cookie(name: str, value: str, max_age_s: int, secure: bool) -> str:
    """Return the Set-Cookie header of a cookie that no script and no other web site can use; 0 seconds remove it."""
    cookie = SimpleCookie({name: value})
    cookie[name].update({"path": "/", "max-age": str(max_age_s), "samesite": "strict", "httponly": "yes"})
    cookie[name]["secure"] = "yes" if secure else ""
    return cookie[name].OutputString()
