from pathlib import Path
from typing import Any

import pytest

import tap_usage.sandbox
from tap_usage.sandbox import Sandbox
from tests.sandbox.client import Client

PROMOTIONS = "/v2/rule-promotions"
SAMPLED = PROMOTIONS + "/26067b82-a50c-462c-b3ed-1ca77aa13bd1/usages"
SAMPLE = (Path(tap_usage.sandbox.__file__).parent / "samples" / "elasticpath_promotion_usages.json").read_bytes()


def usages_of(sandbox: Sandbox, name: str) -> str:
    """Return the path of the usages of a promotion."""
    found = next(promotion["id"] for promotion in sandbox.elasticpath.promotions if promotion["name"] == name)
    return f"{PROMOTIONS}/{found}/usages"


def read(client: Client, path: str, **query: Any) -> list[dict[str, Any]]:  # noqa: ANN401  texts and numbers
    """Return all rows, page by page; ``limit`` is the length of a page."""
    limit = query.pop("limit", 100)
    rows: list[dict[str, Any]] = []
    while True:
        answer = client.get("elasticpath", path, query | {"page[limit]": limit, "page[offset]": len(rows)})
        assert answer.status_code == 200
        rows.extend(answer.json()["data"])
        if len(rows) >= answer.json()["meta"]["results"]["total"]:
            return rows


def test_the_documented_answer_is_served_byte_for_byte(client: Client) -> None:
    assert client.get("elasticpath", SAMPLED + "?page[limit]=10&page[offset]=0").content == SAMPLE
    assert client.get("elasticpath", SAMPLED).content == SAMPLE


def test_the_documented_usage_is_also_found_when_it_is_asked_otherwise(client: Client) -> None:
    answer = client.get("elasticpath", SAMPLED, {"sort": "used_on", "filter": "ge(used_on,2024-08-15)"})
    assert [row["id"] for row in answer.json()["data"]] == ["96a80700-4895-4d74-b96f-3ea39417ed29"]
    assert answer.json()["meta"]["results"] == {"total": 1, "total_method": "exact"}


def test_all_promotions_are_listed_whatever_their_state(client: Client, sandbox: Sandbox) -> None:
    rows = read(client, PROMOTIONS, limit=5)
    assert [row["id"] for row in rows] == [promotion["id"] for promotion in sandbox.elasticpath.promotions]
    assert {row["enabled"] for row in rows} == {True, False}


def test_a_promotion_can_be_read_alone(client: Client) -> None:
    assert client.get("elasticpath", SAMPLED.removesuffix("/usages")).json()["data"]["name"] == "Buy X get Y"


def test_offset_paging_reaches_every_usage_once(client: Client, sandbox: Sandbox) -> None:
    rows = read(client, usages_of(sandbox, "Free shipping"), sort="used_on")
    assert len(rows) == len({row["id"] for row in rows}) == 350
    times = [row["used_on"] for row in rows]
    assert times == sorted(times)
    assert read(client, usages_of(sandbox, "Free shipping"), sort="-used_on") == rows[::-1]


def test_without_a_sort_the_order_is_another_one_and_a_page_has_ten_rows(client: Client, sandbox: Sandbox) -> None:
    answer = client.get("elasticpath", usages_of(sandbox, "Free shipping")).json()
    times = [row["used_on"] for row in answer["data"]]
    assert len(times) == 10
    assert times == sorted(times, reverse=True)


def test_the_meta_counts_pages_and_results(client: Client, sandbox: Sandbox) -> None:
    answer = client.get("elasticpath", usages_of(sandbox, "Free shipping"), {"page[limit]": 100, "page[offset]": 200})
    assert answer.json()["meta"] == {
        "page": {"limit": 100, "offset": 200, "current": 3, "total": 4},
        "results": {"total": 350, "total_method": "exact"},
    }


def test_the_next_link_never_ends(client: Client, sandbox: Sandbox) -> None:
    path = usages_of(sandbox, "Disabled")
    first = client.get("elasticpath", path, {"page[limit]": 30}).json()["links"]
    assert first["next"] == sandbox.url("elasticpath") + path + "?page[offset]=30&page[limit]=30"
    last = client.get("elasticpath", path, {"page[limit]": 30, "page[offset]": 30}).json()["links"]
    assert last["next"] == last["current"] == last["last"]


def test_the_links_of_an_empty_list_are_nonsense(client: Client, sandbox: Sandbox) -> None:
    answer = client.get("elasticpath", usages_of(sandbox, "Never used")).json()
    assert answer["data"] == []
    assert answer["meta"]["page"]["total"] == answer["meta"]["results"]["total"] == 0
    assert answer["links"]["next"].endswith("page[offset]=-1")
    assert answer["links"]["last"].endswith("page[offset]=-100")


def test_a_promotion_without_usages_answers_404_when_it_is_set_so(client: Client, sandbox: Sandbox) -> None:
    sandbox.elasticpath.empty_is_404 = True
    answer = client.get("elasticpath", usages_of(sandbox, "Never used"))
    assert (answer.status_code, answer.json()["errors"][0]["title"]) == (404, "Promotion Not Found")


@pytest.mark.parametrize(
    ("condition", "dates"),
    [
        ("ge(used_on,2026-01-02T00:00:00.000Z)", [2, 3, 4]),
        ("gt(used_on,2026-01-02T00:00:00Z)", [3, 4]),
        ("le(used_on,2026-01-02)", [1, 2]),
        ("lt(used_on,2026-01-02)", [1]),
        ("ge(used_on,2026-01-02):lt(used_on,2026-01-04)", [2, 3]),
        ("ge(used_on, '2026-01-04T00:00:00Z')", [4]),
        ("ge(used_on,2026-01-03T01:00:00+01:00)", [3, 4]),
        ("ge(used_on,1767398400000)", [3, 4]),
        ("eq(code,SUMMER)", [2]),
    ],
)
def test_the_documented_filters_work(client: Client, sandbox: Sandbox, condition: str, dates: list[int]) -> None:
    sandbox.elasticpath.clear()
    promotion_id = sandbox.elasticpath.add_promotion()
    sandbox.elasticpath.add_usages(promotion_id, 4, "2026-01-01T00:00:00Z", 86400)
    sandbox.elasticpath.usages[promotion_id][1]["code"] = "summer"
    rows = read(client, f"{PROMOTIONS}/{promotion_id}/usages", filter=condition, sort="used_on")
    assert [int(row["used_on"][8:10]) for row in rows] == dates


@pytest.mark.parametrize(
    "condition",
    [
        "ge(used_on,2026-01-02T00:00:00+00:00)",
        "eq(used_on,2026-01-02)",
        "gt(updated_at,2026-01-02)",
        "gt(used_on,yesterday)",
        "gt(used_on,2026-13-45)",
        "used_on > 2026",
        "ge(used_on,2026-01-02):",
        ":".join(["ge(used_on,2026-01-02)"] * 11),
    ],
)
def test_other_filters_are_refused_without_a_status_in_the_body(client: Client, condition: str) -> None:
    answer = client.get("elasticpath", f"{SAMPLED}?filter={condition}")
    assert answer.status_code == 400
    assert answer.json() == {"errors": [{"title": "Bad Request", "detail": "Could not parse the supplied filter"}]}


@pytest.mark.parametrize(
    ("condition", "count"),
    [("eq(enabled,false)", 1), ("like(name,D*)", 2), ("ilike(name,FREE*)", 1), ("lt(end,2026-11-20)", 1)],
)
def test_promotions_can_be_filtered(client: Client, condition: str, count: int) -> None:
    assert len(read(client, PROMOTIONS, filter=condition)) == count


@pytest.mark.parametrize(
    "query",
    [
        {"page[limit]": 101},
        {"page[limit]": 0},
        {"page[limit]": "ten"},
        {"page[offset]": 10_001},
        {"page[offset]": -1},
        {"sort": "updated_at"},
        {"limit": 10},
    ],
)
def test_parameters_beyond_the_limits_are_refused(client: Client, query: dict[str, object]) -> None:
    answer = client.get("elasticpath", SAMPLED, query)
    assert (answer.status_code, answer.json()["errors"][0]["status"]) == (400, 400)


def test_the_offset_limit_can_be_set(client: Client, sandbox: Sandbox) -> None:
    sandbox.elasticpath.max_offset = 50
    assert client.get("elasticpath", SAMPLED, {"page[offset]": 50}).status_code == 200
    assert client.get("elasticpath", SAMPLED, {"page[offset]": 51}).status_code == 400


def test_promotions_have_no_sort(client: Client) -> None:
    assert client.get("elasticpath", PROMOTIONS, {"sort": "name"}).status_code == 400


def test_unknown_promotions_and_paths_are_not_found(client: Client) -> None:
    assert client.get("elasticpath", PROMOTIONS + "/unknown/usages").status_code == 404
    assert client.get("elasticpath", PROMOTIONS + "/unknown").status_code == 404
    assert client.get("elasticpath", "/v2/promotions").status_code == 404


def test_the_default_data_holds_every_oddity(sandbox: Sandbox) -> None:
    rows = [usage for _, usage in sandbox.elasticpath.all_usages()]
    assert len({row["id"] for row in rows}) == len(rows) > 1000
    assert any(row.get("customer_email") == "**" and row["anonymized"] for row in rows)
    assert any("customer_id" not in row for row in rows)
    assert any("anonymized" not in row for row in rows)
    assert max(row["times_used"] for row in rows) > 1
    flash = [row["used_on"] for row in sandbox.elasticpath.usages[usages_of(sandbox, "Flash sale").split("/")[3]]]
    assert max(map(flash.count, flash)) == 150
    assert min(row["used_on"] for row in rows if row["used_on"] > "2025") < "2026-06"


def test_new_usages_appear_while_the_clock_goes_on(client: Client, sandbox: Sandbox) -> None:
    path = usages_of(sandbox, "Daily deal")
    before = read(client, path, sort="used_on")
    sandbox.advance(minutes=59)
    assert read(client, path, sort="used_on") == before
    sandbox.advance(hours=23)
    client.expire()
    after = read(client, path, sort="used_on")
    assert after[: len(before)] == before
    assert [row["used_on"][11:16] for row in after[len(before) :]][:2] == ["14:00", "16:00"]
    assert len(after) == len(before) + 11


def test_a_usage_can_become_visible_late(client: Client, sandbox: Sandbox) -> None:
    path = usages_of(sandbox, "Never used")
    sandbox.elasticpath.add_usage(path.split("/")[3], "2026-11-22T11:59:50.000Z", visible_at="2026-11-22T12:01:00Z")
    assert read(client, path) == []
    sandbox.advance(minutes=1)
    assert [row["used_on"] for row in read(client, path)] == ["2026-11-22T11:59:50.000Z"]


def test_data_can_change_between_two_pages(client: Client, sandbox: Sandbox) -> None:
    path = usages_of(sandbox, "Disabled")
    rows = sandbox.elasticpath.usages[path.split("/")[3]]

    def shift(_promotion_id: str, offset: int, _rows: list[dict[str, Any]]) -> None:
        if offset == 0:
            del rows[0]

    sandbox.elasticpath.after_page = shift
    first = client.get("elasticpath", path, {"sort": "used_on", "page[limit]": 20}).json()
    second = client.get("elasticpath", path, {"sort": "used_on", "page[limit]": 20, "page[offset]": 20}).json()
    assert len(first["data"]) == 20
    assert len(second["data"]) == 19


def test_the_token_operation_takes_a_form_and_answers_flat(client: Client, sandbox: Sandbox) -> None:
    config = sandbox.config
    form = {
        "grant_type": "client_credentials",
        "client_id": config["elasticpath_client_id"],
        "client_secret": config["elasticpath_client_secret"],
    }
    good = client.send("POST", "elasticpath", "/oauth/access_token", data=form)
    assert {"access_token", "token_type", "expires_in", "expires", "identifier"} == set(good.json())
    assert good.json()["expires"] == 1795348800 + 3600
    for options in ({"json": form}, {"data": form | {"grant_type": "implicit"}}):
        refused = client.send("POST", "elasticpath", "/oauth/access_token", **options)
        assert (refused.status_code, refused.json()["errors"][0]["status"]) == (400, "400")
    wrong = client.send("POST", "elasticpath", "/oauth/access_token", data=form | {"client_secret": "wrong"})
    assert (wrong.status_code, wrong.json()["errors"][0]["status"]) == (401, "401")


def test_a_request_without_a_valid_token_is_refused(client: Client) -> None:
    answer = client.get("elasticpath", PROMOTIONS, headers={"Authorization": "Bearer unknown"})
    assert (answer.status_code, answer.json()["errors"][0]["title"]) == (401, "Unable to validate access token")
