"""The tokens that end soon or have ended: the program or user is refused from then on."""

from collections.abc import Iterable

from prjobs.access.desk import Desk
from prjobs.access.login import LOGIN_LINK
from prjobs.access.tokens import DAY_S, TokenInfo, list_tokens
from prjobs.base.clock import moment
from prjobs.base.notices import Code
from prjobs.store.common import Common

WARN_MS = 14 * DAY_S * 1000
SHOWN = 3


def watch_once(desk: Desk) -> None:
    """Raise a notice for each site with a token that ends within 14 days; end the other notices.

    A token of a user that was made for 14 days or less ends as planned: the doctor alone tells of such tokens.
    """
    lasting = (one for one in list_tokens(desk) if _is_program(one) or one.expires_ms - one.created_ms > WARN_MS)
    by_site = _by_site(lasting, desk.clock.now_ms())
    for notice in desk.notices.all():
        if notice.code == Code.TOKEN_ENDS and notice.site not in by_site:
            desk.notices.end(notice.code, notice.site)
    for site, tokens in by_site.items():
        desk.notices.say(Code.TOKEN_ENDS, _counted(site, tokens), site)


def ending(tokens: Iterable[TokenInfo], now_ms: int) -> dict[str, str]:
    """Return the sentences on the tokens that end within 14 days, by site; empty for users' tokens and every site.

    The sentences name users and tokens: for people at the server, never for a notice.
    """
    return {site: _named(ends) for site, ends in _by_site(tokens, now_ms).items()}


def _by_site(tokens: Iterable[TokenInfo], now_ms: int) -> dict[str, list[TokenInfo]]:
    by_site: dict[str, list[TokenInfo]] = {}
    for one in tokens:
        # A browser that was logged in by a link gets another link.
        if one.revoked_ms is not None or not 0 < one.expires_ms - now_ms <= WARN_MS or one.created_by == LOGIN_LINK:
            continue
        for site in (_is_program(one) and one.sites) or [""]:
            by_site.setdefault(site, []).append(one)
    return by_site


def _counted(site: str, tokens: list[TokenInfo]) -> str:
    """Return the notice: everybody may read it, so that it counts the tokens only."""
    of_site = f" of programs of {site}" if site else ""
    first = _end(min(tokens, key=lambda one: one.expires_ms))
    is_single = len(tokens) == 1
    ends = f"1 token{of_site} ends" if is_single else f"{len(tokens)} tokens{of_site} end"
    when = f"on {first}" if is_single else f"the first on {first}"
    return f"{ends} within 14 days, {when}: “prjobs doctor” names each, and says what to do."


def _named(tokens: list[TokenInfo]) -> str:
    users = [one for one in tokens if not _is_program(one)]
    return " ".join([*map(_sentence, filter(_is_program, tokens)), *([_of_users(users)] if users else [])])


def _is_program(one: TokenInfo) -> bool:
    """Return True if an observatory program polls with the token."""
    return "observatory" in one.roles


def _of_users(tokens: list[TokenInfo]) -> str:
    named = ", ".join(f"{one.id} of {one.user_name} on {_end(one)}" for one in tokens[:SHOWN])
    more = f" and {len(tokens) - SHOWN} more" if len(tokens) > SHOWN else ""
    return f"Tokens of users end: {named}{more}. Make others with “prjobs token create”, and hand them over."


def ended_between(common: Common, site: str, since_ms: int, until_ms: int) -> list[str]:
    """Return a sentence for each token of the site's programs that ended or was revoked between two moments."""
    ends = [(one, one.revoked_ms or one.expires_ms) for one in _programs(common) if not one.sites or site in one.sites]
    return [
        f"The observatory token {one.id} of {one.user_name} {'was revoked' if one.revoked_ms else 'ended'} at "
        f"{moment(end_ms):%H:%M:%S} UTC: give the program another."
        for one, end_ms in ends
        if since_ms <= end_ms <= until_ms
    ]


def _programs(common: Common) -> list[TokenInfo]:
    """Return the tokens that observatory programs poll with."""
    return list_tokens(common, "observatory")


def _end(one: TokenInfo) -> str:
    return moment(one.expires_ms).strftime("%Y-%m-%d %H:%M UTC")


def _sentence(one: TokenInfo) -> str:
    sites = ", ".join(one.sites) or "every site"
    return (
        f"The observatory token {one.id} of {one.user_name} for {sites} ends on {_end(one)}: make another with "
        "“prjobs token create”, give it to the program, then revoke this one."
    )
