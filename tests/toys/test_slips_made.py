"""A slip that a sheet itself shows is a line that names it, as soon as the sheet is made."""

from __future__ import annotations

import re

import pytest

from tap_usage.reading.sheet import SheetError
from tests.toys.house import Workshop
from tests.toys.slips import Slip, of_openai, of_twilio

KEYS = '("account_sid", "category", "start_date")'
WHEN_MADE = {
    "keys nobody thought of": of_twilio('("sid",)', '("id",)', "Accounts.primary_keys: `id` is not in the schema"),
    "token request to get round the token": of_openai(
        'Key(config["openai_admin_key"])',
        'ClientCredentials("", {})',
        "openai: host: `ClientCredentials` needs the absolute URL of a token endpoint; for a key there is `Key`",
    ),
    "setting misspelt in windows": of_openai(
        'span="openai_window_days"',
        'span="openai_windows_days"',
        "CompletionsUsage.windows.span: `openai_windows_days` is not a setting; did you mean `openai_window_days`?",
    ),
    "setting misspelt in query": of_twilio(
        "    numbers =",
        '    query = ("twilio_granularity",)\n    numbers =',
        "UsageRecords.query: `twilio_granularity` is not a setting",
    ),
    "replication key that is not in the schema": of_openai(
        'replication_key = "date"',
        'replication_key = "day"',
        "CompletionsUsage.replication_key: `day` is not in the schema",
    ),
    "setting misspelt in only": of_twilio(
        'only = "twilio_account_sids"',
        'only = "twilio_account_ids"',
        "Accounts.only: `twilio_account_ids` is not a setting; did you mean `twilio_account_sids`?",
    ),
    "setting misspelt in constants": of_twilio(
        "    numbers =",
        '    constants = {"usage_unit": "twilio_unit"}\n    numbers =',
        "UsageRecords.constants: `twilio_unit` is not a setting",
    ),
    "setting that may be missing": of_twilio(
        "    numbers =",
        '    query = ("twilio_account_sids",)\n    numbers =',
        "UsageRecords.query: `twilio_account_sids` needs a default, or has to be required",
    ),
    "setting misspelt in params": of_twilio(
        '{"PageSize": 50}',
        '{"PageSize": Setting("twilio_page")}',
        "Accounts.params: `twilio_page` is not a setting",
    ),
    "setting misspelt in host": of_openai(
        'config["openai_api_url"]',
        'config["openai_url"]',
        "openai: host: `openai_url` is not a setting; did you mean `openai_api_url`?",
    ),
    "setting misspelt in required": of_openai(
        'Required("openai", ("openai_admin_key",))',
        'Required("openai", ("openai_key",))',
        "openai: required: `openai_key` is not a setting",
    ),
    "windows.field that is not in the schema": of_openai(
        'Windows(\n        "start_time"',
        'Windows(\n        "started"',
        "CompletionsUsage.windows.field: `started` is not in the schema; did you mean `start_time`?",
    ),
    "windows left out": of_openai(
        "    windows = Windows",
        "    _windows = Windows",
        "CompletionsUsage.replication_key: needs `windows`, or `paging.order` and `lookback`",
    ),
    "bucket that is none": of_openai(
        '"day",\n',
        '"days",\n',
        "CompletionsUsage.windows.bucket: `days` is neither one of day, week, month, year nor a setting; "
        "did you mean `day`?",
    ),
    "attribute misspelt": of_openai(
        "promised =", "promise =", "CompletionsUsage.promise: no such attribute; did you mean `promised`?"
    ),
    "primary keys forgotten": of_openai(
        '    primary_keys = ("usage_key",)\n', "", "CompletionsUsage.primary_keys: is missing"
    ),
    "key fields forgotten": of_openai(
        '    key_fields = ("date", "model", "project_id")\n',
        "",
        "CompletionsUsage.key_fields: and `usage_key` among the `primary_keys` belong together",
    ),
    "key fields without the day": of_openai(
        'key_fields = ("date", ',
        "key_fields = (",
        "CompletionsUsage.key_fields: without `date` rows of two windows may have the same key",
    ),
    "keys without the partition": of_twilio(
        KEYS,
        '("category", "start_date")',
        "UsageRecords.primary_keys: without `account_sid` rows of two partitions may have the same key",
    ),
    "text where a tuple belongs": of_openai(
        'primary_keys = ("usage_key",)',
        'primary_keys = "usage_key"',
        "CompletionsUsage.primary_keys: 'usage_key' is no tuple; write ('usage_key',)",
    ),
    "text where a mapping belongs": of_twilio(
        'children = {"account_sid": "sid"}', 'children = "sid"', "Accounts.children: 'sid' is no dict"
    ),
    "list where a tuple belongs": of_twilio(
        'numbers = ("count", "usage", "price")',
        'numbers = ["count", "usage", "price"]',
        "UsageRecords.numbers: ['count', 'usage', 'price'] is no tuple",
    ),
    "windows that nothing asks for": of_twilio(
        '        params=days("StartDate", "EndDate", inclusive=True),\n',
        "",
        "UsageRecords.windows: either `params` or `json` tells how a window is asked for",
    ),
    "windows without a replication key": of_twilio(
        '    replication_key = "start_date"\n',
        "",
        "UsageRecords.replication_key: is missing; without one only the last window would be read",
    ),
    "replication key that is not the windows'": of_twilio(
        'replication_key = "start_date"',
        'replication_key = "end_date"',
        "UsageRecords.replication_key: has to be `windows.field` or `windows.stamp`",
    ),
    "replication key that is no text": of_openai(
        'replication_key = "date"',
        'replication_key = "start_time"',
        "CompletionsUsage.replication_key: `start_time` is no text by the schema; `windows.stamp` adds a day that is",
    ),
    "envelope that is not on the way to the rows": of_openai(
        '"data.*.end_time"',
        '"pages.*.end_time"',
        "CompletionsUsage.envelope: `pages.*.end_time` is not on the way to the rows in `data.*.results`",
    ),
    "field of children that the rows lack": of_twilio(
        '{"account_sid": "sid"}', '{"account_sid": "id"}', "Accounts.children: `id` is not in the schema"
    ),
    "placeholder of nobody": of_twilio(
        "{account_sid}/Usage",
        "{account_id}/Usage",
        "UsageRecords.path: `account_id` is not among the `children` of a parent; did you mean `account_sid`?",
    ),
    "parent after its child": of_twilio(
        "(Accounts, UsageRecords)",
        "(UsageRecords, Accounts)",
        "UsageRecords.parent: Accounts has to stand before it among the vendor's streams",
    ),
    "parent forgotten": of_twilio(
        "(Accounts, UsageRecords)",
        "(UsageRecords,)",
        "UsageRecords.parent: Accounts has to stand before it among the vendor's streams",
    ),
    "parent without children": of_twilio(
        '    children = {"account_sid": "sid"}\n    barren = ("status", ("closed",))\n',
        "",
        "Accounts.only: needs `children`, which tells the field",
    ),
    "two streams with one name": of_twilio(
        'name = "twilio_usage_records"',
        'name = "twilio_accounts"',
        "UsageRecords.name: two streams are called `twilio_accounts`",
    ),
    "name of another vendor": of_twilio(
        'name = "twilio_accounts"',
        'name = "genesys_accounts"',
        "Accounts.name: `genesys_accounts` does not begin with `twilio_`",
    ),
    "stream without a schema": of_twilio(
        'name = "twilio_accounts"',
        'name = "twilio_account"',
        "Accounts.name: there is no schemas/twilio_account.json",
    ),
    "results of what is no execution": of_openai(
        "    promised =",
        '    results = "/v1/results/"\n    promised =',
        "CompletionsUsage.results: NextCursor asks for none",
    ),
    "tuning of a field that the paging lacks": of_openai(
        "    promised =",
        '    tuning = {"pages": "openai_window_days"}\n    promised =',
        "CompletionsUsage.tuning: `pages` is not a field of NextCursor",
    ),
    "paging that is a class": of_twilio(
        'NextLink("next_page_uri")', "NextLink", "Accounts.paging: NextLink is a class; write NextLink(…)"
    ),
    "a step that is none": of_openai(
        'stamp="date",', 'stamp="date", step="days",', "CompletionsUsage.windows.step: is one of day, bucket"
    ),
}


@pytest.mark.parametrize("slip", WHEN_MADE.values(), ids=WHEN_MADE.keys())
def test_a_slip_that_the_sheet_itself_shows_is_named_when_it_is_made(workshop: Workshop, slip: Slip) -> None:
    with pytest.raises(SheetError, match=re.escape(slip.line)):
        workshop.vendor(slip.sheet)
