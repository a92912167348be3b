"""Odd values for tests: characters that nobody sees, and any value of JSON."""

from hypothesis import strategies as st

# Every control, override, isolate and mark of direction that there is.
TURNING = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
OTHERS = "\u200b\u2060\ufeff\xad\x00\x1b\x9b\u2028\ue000"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
