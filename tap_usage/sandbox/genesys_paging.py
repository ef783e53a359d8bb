"""Pages of the simulated Genesys Cloud's list of OAuth clients."""

from collections.abc import Mapping

from tap_usage.sandbox.wire import Json, RefusedError

CLIENTS = "/api/v2/oauth/clients"


def client_page(clients: list[Json], size: int, query: Mapping[str, str]) -> Json:
    """Return the page that a query asks for; the first one without a query.

    Args:
        clients: all bodies that the list shows.
        size: clients per page.
        query: ``pageNumber`` and ``pageSize``. The vendor declares no parameters: only what an own ``nextUri``
            carries is good.

    Raises:
        RefusedError: 400, there is no such page.
    """
    pages = max(1, -(-len(clients) // size))
    number = 1
    if query:
        number = int(query.get("pageNumber", "0")) if query.get("pageNumber", "").isdecimal() else 0
        if query.get("pageSize") != str(size) or not 1 <= number <= pages:
            raise RefusedError(400, "invalid.query.param.value")
    link = f"{CLIENTS}?pageNumber={{}}&pageSize={size}".format
    page: Json = {
        "entities": clients[(number - 1) * size : number * size],
        "pageSize": size,
        "pageNumber": number,
        "total": len(clients),
        "pageCount": pages,
        "firstUri": link(1),
        "lastUri": link(pages),
        "selfUri": link(number),
    }
    if number > 1:
        page["previousUri"] = link(number - 1)
    if number < pages:
        page["nextUri"] = link(number + 1)
    return page
