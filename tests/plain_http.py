"""Requests and answers of HTTP as they are on a socket."""


def request(path, body="", *headers, version="1.1", method="POST"):
    lines = [f"{method} {path} HTTP/{version}", "Host: 127.0.0.1", f"Content-Length: {len(body)}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


POLL = request("/jobs/getnewjobs", '{"site": "saf"}')


def read_answer(opened):
    """Read one answer; return (head, body)."""
    got = b""
    while b"\r\n\r\n" not in got:
        more = opened.recv(65536)
        assert more, got
        got += more
    head, _, body = got.partition(b"\r\n\r\n")
    size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < size:
        body += opened.recv(65536)
    return head.decode(), body
