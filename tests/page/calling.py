"""The exported functions of static/, called where they run: in a browser."""

from pathlib import Path
from typing import Any

STATIC = Path(__file__).resolve().parents[2] / "static"


class Call:
    """`call(module, function, *arguments)` runs an exported function of static/ in the browser."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def __call__(self, module: str, function: str, *arguments: Any) -> Any:
        script = "async ([module, name, args]) => (await import(`/${module}`))[name](...args)"
        return self.page.evaluate(script, [module, function, list(arguments)])
