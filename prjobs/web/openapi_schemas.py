"""The JSON schemas of the structures of requests and answers, with a description for each field.

A description is the field's own (`Meta(description=…)`), or stands in the glossary by the field's name.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from prjobs.web.openapi_fields import FIELDS

Schema = dict[str, Any]
REF = "#/components/schemas/{name}"


class Schemas:
    """The schemas of some types; `components` has the structures by name."""

    def __init__(self, kinds: Sequence[Any]) -> None:
        found, components = msgspec.json.schema_components(kinds, ref_template=REF)
        self.components: dict[str, Schema] = dict(components)
        self._of = dict(zip(kinds, found, strict=True))
        for name, schema in self.components.items():
            for field, told in schema.get("properties", {}).items():
                told["description"] = describe(name, field, told)

    def of(self, kind: Any) -> Schema:
        """Return the schema of one of the types."""
        return dict(self._of[kind])

    def without(self, kinds: Iterable[type | None]) -> dict[str, Schema]:
        """Return the schemas of the structures without some: a query's fields are parameters."""
        names = {kind.__name__ for kind in kinds if kind}
        return {name: schema for name, schema in self.components.items() if name not in names}


def describe(shape: str, field: str, schema: Schema) -> str:
    """Return the description of a field: the meaning, then the form of the value; empty without either."""
    form = _own(schema)
    meaning = FIELDS.get(f"{shape}.{field}") or FIELDS.get(field, "")
    if form[:1].isupper() or not form:
        said = form or meaning
        return f"{said.rstrip('.')}." if said else ""
    return f"{meaning.rstrip('.')}: {form}." if meaning else f"{form[0].upper()}{form[1:]}."


def _own(schema: Schema) -> str:
    """Return the description that the field's type declares, and remove it from the parts of the schema."""
    either = [schema, *schema.get("anyOf", [])]
    found = [part.pop("description") for part in either if "description" in part]
    return str(found[0]) if found else ""
