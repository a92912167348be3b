"""The types of fields in requests: pattern, length and the description that a refusal repeats."""

from typing import Annotated

import msgspec
from msgspec import Meta

# `$` alone would also match before a final newline: the lookahead forbids the newline in Python, and is true in JS.
_NO_CONTROLS = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$(?!\n)"
Site = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_-]+$(?!\n)",
        min_length=1,
        max_length=64,
        description="a site code of 1 to 64 letters, digits, _ or -",
    ),
]


def _text(low: int, high: int) -> Meta:
    return Meta(
        pattern=_NO_CONTROLS,
        min_length=low,
        max_length=high,
        description=f"a text of {low} to {high} characters without control characters",
    )


Name64 = Annotated[str, _text(1, 64)]
Instance = Annotated[str, _text(0, 64)]
UserId = Annotated[str, _text(1, 128)]
UserName = Annotated[str, _text(0, 128)]
Status = Annotated[
    str,
    Meta(
        pattern=r"^[^#\x00-\x1f\x7f-\x9f\u2028\u2029]+$(?!\n)",
        min_length=1,
        max_length=64,
        description="a text of 1 to 64 printable characters without #",
    ),
]
Message = Annotated[
    Annotated[str, Meta(pattern=_NO_CONTROLS, max_length=500)] | None,
    Meta(description="a text of at most 500 characters without control characters"),
]
NoteText = Annotated[str, _text(1, 1000)]
UlidText = Annotated[str, Meta(min_length=1, max_length=128, description="the id of a job, 26 characters")]
Params = Annotated[msgspec.Raw, Meta(description="an object", extra_json_schema={"type": "object"})]
Roles = Annotated[msgspec.Raw, Meta(extra_json_schema={"type": "array", "items": {"type": "string"}})]
Flag = Annotated[bool | None, Meta(description="true or false")]
Number = Annotated[int | float | str | None, Meta(description="a number, or a number in a text")]
PollId = Annotated[
    Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00]*$")] | None,
    Meta(description="a text of 1 to 128 characters other than U+0000"),
]
