"""What axe-core finds in a page."""

from typing import Any

GRAVE = ("serious", "critical")
# The dimmer levels of red are for eyes that are used to the dark, and no dim red reaches a contrast of 4.5 on black.
# Only they are freed of that one rule; at its full brightness the red theme keeps it.
FREED = {"red2": {"color-contrast"}, "red3": {"color-contrast"}}
THEMES = ("day", "dark", "red")


def list_grave(axe: Any, page: Any, theme: str) -> list[str]:
    """Return what is grave in a page, one line for each rule and element."""
    # Half-way to a paler page every contrast is another one.
    page.wait_for_function("document.getAnimations().every(one => one.transitionProperty !== 'opacity')")
    violations = axe.run(page).response["violations"]
    grave = [one for one in violations if one["impact"] in GRAVE and one["id"] not in FREED.get(theme, set())]
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:200]}" for one in grave for node in one["nodes"]
    ]
