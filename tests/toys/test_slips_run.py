"""A slip that only the vendor's answers show is a line that names it, and exit code 1 at the end of the run."""

from __future__ import annotations

import pytest

from tests.running import run
from tests.toys.house import Workshop
from tests.toys.servers import OpenAI, Twilio
from tests.toys.slips import Slip, of_openai, of_twilio

TEXT = {"type": ["string", "null"]}
KEYS = '("account_sid", "category", "start_date")'
OF_THE_VENDOR = "        request = super().request(unit)\n        return request.with_params(since=unit.window.start)\n"
NEEDS_A_WINDOW = f"    def request(self, unit):\n        assert unit\n{OF_THE_VENDOR}"
IN_THE_RUN = {
    "keys that the rows lack": of_twilio(
        '("sid",)', '("id",)', "a row without `id` came, which is a key", "twilio_accounts", id=TEXT
    ),
    "keys that the rows of several pages lack": of_twilio(
        KEYS, '("id",)', "a row without `id` came, which is a key", "twilio_usage_records", id=TEXT
    ),
    "keys that rows share": of_twilio(
        KEYS, '("category",)', "two different rows with the same `category` came in one answer, which is their key"
    ),
    "link misspelt": of_twilio(
        '"next_page_uri"',
        '"next_uri"',
        "the answer says in `next_page_uri` that there is more, but nothing is at `next_uri`, where it is looked for",
    ),
    "single page for a paged answer": of_twilio(
        'NextLink("next_page_uri")',
        "SinglePage()",
        "the answer says in `next_page_uri` that there is more, but a single page was expected",
    ),
    "cursor misspelt": of_openai(
        'NextCursor("next_page"',
        'NextCursor("next"',
        "the answer says in `has_more` that there is more, but nothing is at `next`, where it is looked for",
    ),
    "cursor and more misspelt": of_openai(
        'NextCursor("next_page", param="page", more="has_more")',
        'NextCursor("next", param="page", more="has_next")',
        "the answer says in `has_more` that there is more, but nothing is at `next`, where it is looked for",
    ),
    "parameter of the cursor misspelt": of_openai(
        'param="page"', 'param="next_page"', "the links to the next page (`next_page`) go in a circle, twice"
    ),
    "cursor given as link": of_openai(
        'NextCursor("next_page", param="page", more="has_more")',
        'NextLink("next_page")',
        "what stands at `next_page` is no URL and looks like a cursor: use NextCursor",
    ),
    "rows that are elsewhere": of_openai(
        '"data.*.results"', '"data.*.rows"', "HTTP 200 an answer without rows in `data.*.rows`"
    ),
    "windows.field that the rows lack": of_openai(
        'Windows(\n        "start_time"', 'Windows(\n        "day"', "a row without a readable `day` came", day=TEXT
    ),
    "envelope that is not there": of_openai(
        '"data.*.start_time"', '"data.*.results.start_time"', "a row without a readable `start_time` came"
    ),
    "request that needs a window there is none of": of_twilio(
        '    only = "twilio_account_sids"\n',
        NEEDS_A_WINDOW,
        "Accounts cannot say what to ask for (AttributeError: 'NoneType' object has no attribute 'start')",
    ),
    "parameters that the vendor does not know": of_openai(
        'unix("start_time", "end_time")',
        'unix("start", "end")',
        "rows came, but none of 2026-11-01/2026-11-15, which was asked for",
    ),
    "setting misspelt in what asks for a window": of_twilio(
        'days("StartDate", "EndDate", inclusive=True)',
        'lambda start, end, config: {"StartDate": start, "EndDate": config["twilio_end"]}',
        "UsageRecords cannot say what to ask for (KeyError: 'twilio_end')",
    ),
    "path that is not there": of_openai(
        "/v1/organization/usage/completions", "/v1/completions", "HTTP 404 unknown_url on GET /v1/completions"
    ),
}


@pytest.mark.parametrize("slip", IN_THE_RUN.values(), ids=IN_THE_RUN.keys())
def test_a_slip_that_only_the_vendors_answers_show_is_named_in_the_run(
    workshop: Workshop, openai: OpenAI, twilio: Twilio, slip: Slip
) -> None:
    for stream, properties in slip.fields.items():
        workshop.schema(stream, properties)
    workshop.install([workshop.vendor(slip.sheet)])
    config = {
        "openai": {"openai_api_url": openai.url, "openai_admin_key": OpenAI.KEY, "openai_window_days": 14},
        "twilio": {
            "twilio_api_url": twilio.url,
            "twilio_account_sid": Twilio.SID,
            "twilio_auth_token": Twilio.TOKEN,
        },
    }
    done = run(config[slip.toy], start_date="2026-11-01")
    assert done.code == 1
    assert [line for line in done.failures if slip.line in line], done.failures
