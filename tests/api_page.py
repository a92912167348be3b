"""The reference of the API in the manual, made from the description in /openapi.json."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from prjobs.web import app, openapi
from prjobs.web.openapi_words import REQUEST_HEADERS

Schema = dict[str, Any]
TYPES = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false", "null": "null"}


@cache
def document() -> Schema:
    """Return the description as a program reads it."""
    return json.loads(openapi.encoded(app.described_routes()))  # type: ignore[no-any-return]


def table(heads: str, rows: list[list[str]]) -> str:
    """Return a table in Markdown."""
    lines = [f"| {heads} |", "|---" * (heads.count("|") + 1) + "|"]
    return "\n".join(lines + [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows])


# ---- parts of the page


def endpoints() -> str:
    """Return a section for each endpoint, by subject."""
    return "\n\n".join(_endpoint(method, path, said) for _, method, path, said in sorted(_operations(), key=_order))


def _order(operation: tuple[str, str, str, Schema]) -> int:
    return [tag["name"] for tag in document()["tags"]].index(operation[0])


def _operations() -> Iterator[tuple[str, str, str, Schema]]:
    for path, item in document()["paths"].items():
        for method, said in item.items():
            if method not in ("$ref", "parameters", "options"):
                yield said["tags"][0], method.upper(), path, {**said, "of_path": item.get("parameters", [])}


def _endpoint(method: str, path: str, said: Schema) -> str:
    rows = [*_parameter_rows([*said["of_path"], *said["parameters"]]), *_body_rows(said)]
    parts = [f"### {method} {path.replace('{', '').replace('}', '')}", f"{said['summary']}."]
    parts += [said["description"]] if said["description"] else []
    parts += [table("send | in | meaning and form", rows)] if rows else []
    return "\n\n".join([*parts, _answers(said["responses"])])


def _parameter_rows(parameters: list[Schema]) -> Iterator[list[str]]:
    for parameter in parameters:
        one = REQUEST_HEADERS[parameter["$ref"].rpartition("/")[2]] if "$ref" in parameter else parameter
        yield [_name(one["name"], one.get("required", False)), one["in"], _meaning(one["description"], one["schema"])]


def _body_rows(said: Schema) -> Iterator[list[str]]:
    if "requestBody" in said:
        schema = said["requestBody"]["content"]["application/json"]["schema"]
        for name, meaning in field_rows(schema["$ref"].rpartition("/")[2]):
            yield [name, "body", meaning]


def _answers(responses: Schema) -> str:
    found, refused = [], []
    for status, said in responses.items():
        if "$ref" in said:
            refused.append(status)
            continue
        contents = said["content"].items()
        forms = [form(one["schema"]) if kind == "application/json" else f"`{kind}`" for kind, one in contents]
        found.append(f"{status}: {' or '.join(forms)}")
    return f"Answers {'; '.join(found)}. Refuses with {', '.join(refused)}."


def structures() -> str:
    """Return a section for each structure of an answer, with its fields."""
    bodies = {
        said["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for *_, said in _operations()
        if "requestBody" in said
    }
    return "\n\n".join(
        "\n\n".join(filter(None, [f"### {name}", _first(schema), table("field | meaning and form", field_rows(name))]))
        for name, schema in sorted(document()["components"]["schemas"].items())
        if name not in bodies
    )


def _first(schema: Schema) -> str:
    return " ".join(schema.get("description", "").split())


def field_rows(structure: str) -> list[list[str]]:
    """Return a row for each field of a structure: name, meaning and form. A field that must come is bold."""
    schema = document()["components"]["schemas"][structure]
    required = schema.get("required", [])
    return [
        [_name(name, name in required), _meaning(said["description"], said)]
        for name, said in schema["properties"].items()
    ]


def _meaning(description: str, schema: Schema) -> str:
    # A column of forms beside long names would be too wide for a phone.
    return f"{description} ({form(schema)})"


def _name(name: str, required: bool) -> str:
    return f"**`{name}`**" if required else f"`{name}`"


def form(schema: Schema) -> str:
    """Return the form of a value in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in schema or "const" in schema:
        return " or ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if "anyOf" in schema:
        return " or ".join(form(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of: {form(schema['items'])}" if schema.get("items") else "list"
    if schema.get("type") == "object":
        inner = schema.get("additionalProperties")
        return f"object, each value: {form(inner)}" if inner else "object"
    return TYPES.get(str(schema.get("type")), "any value")


def authentication() -> str:
    """Return the ways to show a token."""
    rows = [[f"`{name}`", said["description"]] for name, said in document()["components"]["securitySchemes"].items()]
    return table("way | token", rows)


def headers() -> str:
    """Return the headers of requests and answers."""
    sent = [[f"`{name}`", "request", said["description"]] for name, said in REQUEST_HEADERS.items()]
    told = [[f"`{name}`", "answer", said["description"]] for name, said in document()["components"]["headers"].items()]
    return table("header | in | meaning", [*sent, *told])
