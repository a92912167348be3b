"""`python -m tests.bench.echo SIZE`: waitress and bottle with nothing behind them; answers SIZE bytes to any POST."""

import logging
import sys

import bottle
import waitress


def build_echo(size: int) -> bottle.Bottle:
    """An application that reads the body and answers `size` bytes."""
    app = bottle.Bottle()
    answer = b"[" + b" " * (size - 2) + b"]"

    @app.post("/echo")
    def echo() -> bytes:
        bottle.request.body.read()
        bottle.response.content_type = "application/json"
        return answer

    return app


def main() -> None:
    """Serve at waitress's defaults; the first line says the address."""
    logging.disable()
    server = waitress.create_server(build_echo(int(sys.argv[1])), host="127.0.0.1", port=0)
    print(f"http://127.0.0.1:{server.effective_port}", flush=True)
    server.run()


if __name__ == "__main__":
    main()
