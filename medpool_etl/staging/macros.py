"""How text becomes a value, as DuckDB macros: the form is checked first, so a cast never rounds or guesses.

An amount has at most 13 digits before the point, so that no sum of a month leaves DECIMAL(18,2).
``money`` of ``1.005`` or ``1e3`` is NULL, not 1.01 or 1000; ``1,23.45`` is NULL; ``(12.30)`` is -12.30.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

# Full-width characters and their plain ones; the space is the ideographic one. 0x1A is what old programs end a file with.
_WIDE = "".join(chr(code) for code in range(0xFF01, 0xFF5F)) + "\u3000\u00a0\u2212\ufe63\ufeff\u200b\x1a"
_PLAIN = "".join(chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)) + "  --   "

# What stands in a cell where nothing is there.
EMPTY = ("", "-", "--", "—", "——", "/")
# What a text never has in it: a stream of lines refuses files with it.
MARK = "chr(1)"

# The steps of ``money``. One in another, each names its text several times, and DuckDB would work out every one of them.
MONEY_STEPS = ("unmarked({0}, unit)", "unbracketed({0})", "unspaced({0})", "ungrouped({0})")
_MONEY = "s"
for _step in MONEY_STEPS:
    _MONEY = _step.format(_MONEY)

MACROS = rf"""
CREATE OR REPLACE TEMP MACRO tidy(s) AS trim(translate(s, $w${_WIDE}$w$, $p${_PLAIN}$p$), ' ' || chr(9) || chr(13));
CREATE OR REPLACE TEMP MACRO trimmed(s) AS trim(s, ' ' || chr(9) || chr(13));
CREATE OR REPLACE TEMP MACRO needs_cleaning(s) AS regexp_matches(s, $w$[{_WIDE}]$w$);
-- Control and format characters, but for white space and the mark old programs end a file with.
CREATE OR REPLACE TEMP MACRO has_unseen(s) AS regexp_matches(s, '[\x01-\x08\x0B\x0C\x0E-\x19\x1B-\x1F\x7F-\x{{9F}}\p{{Cf}}]');
CREATE OR REPLACE TEMP MACRO filled(s) AS CASE WHEN s IN ({", ".join(f"'{text}'" for text in EMPTY)}) THEN NULL ELSE s END;
CREATE OR REPLACE TEMP MACRO ungrouped(s) AS
  CASE WHEN regexp_full_match(s, '-?\d{{1,3}}(,\d{{3}})+(\.\d+)?') THEN replace(s, ',', '') ELSE s END;
CREATE OR REPLACE TEMP MACRO unbracketed(s) AS
  CASE WHEN regexp_full_match(s, '\([^()-]+\)') THEN '-' || trim(s[2:-2]) ELSE s END;
CREATE OR REPLACE TEMP MACRO unspaced(s) AS
  CASE WHEN regexp_full_match(s, '-?\d{{1,3}}( \d{{3}})+(\.\d+)?') THEN replace(s, ' ', '') ELSE s END;
CREATE OR REPLACE TEMP MACRO in_yuan(s) AS CASE
  WHEN regexp_full_match(s, '-?\d{{1,13}}(\.\d{{1,2}}0*)?') THEN CAST(s AS DECIMAL(18,2)) END;
CREATE OR REPLACE TEMP MACRO in_ten_thousands(s) AS CASE
  WHEN regexp_full_match(s, '-?\d{{1,9}}(\.\d{{1,6}}0*)?')
    THEN CAST(CAST(s AS DECIMAL(20,6)) * 10000 AS DECIMAL(18,2)) END;
CREATE OR REPLACE TEMP MACRO unmarked(s, unit) AS regexp_replace(
  CASE unit WHEN 10000 THEN regexp_replace(s, '\s*万元$', '') ELSE regexp_replace(s, '\s*元$', '') END, '^[¥￥] *', '');
CREATE OR REPLACE TEMP MACRO in_unit(s, unit) AS
  CASE unit WHEN 1 THEN in_yuan(s) WHEN 10000 THEN in_ten_thousands(s) END;
CREATE OR REPLACE TEMP MACRO money(s, unit) AS in_unit({_MONEY}, unit);
CREATE OR REPLACE TEMP MACRO whole_number(s) AS
  CASE WHEN regexp_full_match(ungrouped(s), '-?\d{{1,18}}(\.0+)?')
    THEN CAST(regexp_replace(ungrouped(s), '\..*$', '') AS BIGINT) END;
CREATE OR REPLACE TEMP MACRO rate(s) AS CASE
  WHEN regexp_full_match(s, '\d{{1,2}}(\.\d{{1,6}}0*)?') THEN CAST(s AS DECIMAL(9,6))
  WHEN regexp_full_match(s, '\d{{1,3}}(\.\d{{1,4}}0*)?\s*%')
    THEN CAST(CAST(regexp_replace(s, '\s*%', '') AS DECIMAL(9,4)) * 0.01 AS DECIMAL(9,6))
  END;
CREATE OR REPLACE TEMP MACRO ymd(y, m, d) AS TRY_CAST(y || '-' || lpad(m, 2, '0') || '-' || lpad(d, 2, '0') AS DATE);
CREATE OR REPLACE TEMP MACRO calendar_day(s) AS CASE
  WHEN regexp_full_match(s, '(19|20)\d{{6}}') THEN ymd(s[1:4], s[5:6], s[7:8])
  WHEN regexp_full_match(
    s, '(19|20)\d{{2}}(-\d{{1,2}}-\d{{1,2}}|/\d{{1,2}}/\d{{1,2}}|\.\d{{1,2}}\.\d{{1,2}}|年\d{{1,2}}月\d{{1,2}}日?)( 00:00:00)?'
  )
    THEN ymd(s[1:4], regexp_extract(s, '^\d{{4}}\D(\d+)', 1), regexp_extract(s, '^\d{{4}}\D\d+\D(\d+)', 1))
  WHEN regexp_full_match(s, '[345]\d{{4}}') THEN DATE '1899-12-30' + CAST(s AS INTEGER)
  END;
CREATE OR REPLACE TEMP MACRO calendar_month(s) AS CASE
  WHEN regexp_full_match(s, '(19|20)\d{{4}}') THEN ymd(s[1:4], s[5:6], '01')
  WHEN regexp_full_match(s, '(19|20)\d{{2}}[-/.年]\d{{1,2}}月?')
    THEN ymd(s[1:4], regexp_extract(s, '^\d{{4}}\D(\d+)', 1), '01')
  ELSE date_trunc('month', calendar_day(s))::DATE
  END;
-- Digits a code has lost in front, as Excel takes them for a number.
CREATE OR REPLACE TEMP MACRO padded(s, width) AS
  CASE WHEN length(s) < width AND regexp_full_match(s, '\d+') THEN lpad(s, width, '0') ELSE s END;
-- The plainest forms of an amount and of a day, which read back to the same text. An amount with separators that stood in quotation
-- marks comes as the mark alone, and ``inside`` has its text, or without separators behind the mark. Like an empty text, the mark
-- sorts before any number.
CREATE OR REPLACE TEMP MACRO plain_money(s, inside) AS CASE
  WHEN s < '-' THEN CASE
    WHEN s = {MARK} THEN TRY_CAST(replace(inside, ',', '') AS DECIMAL(18,2))
    WHEN s <> '' THEN TRY_CAST(s[2:] AS DECIMAL(18,2))
    END
  ELSE coalesce(
    TRY_CAST(s AS DECIMAL(18,2)), CASE WHEN contains(s, ',') THEN TRY_CAST(replace(s, ',', '') AS DECIMAL(18,2)) END
  )
  END;
CREATE OR REPLACE TEMP MACRO is_plain_money(s, inside, amount) AS CASE
  WHEN amount IS NULL THEN false
  WHEN CAST(amount AS VARCHAR) = s THEN abs(amount) < 10000000000000
  WHEN s = {MARK} THEN regexp_full_match(inside, '-?\d{{1,3}}(,\d{{3}}){{1,3}}(\.\d{{1,2}})?')
  WHEN s[1] = {MARK} THEN true
  ELSE length(s) <= 16 AND regexp_full_match(s, '-?(\d{{1,13}}|\d{{1,3}}(,\d{{3}}){{1,3}})(\.\d{{1,2}})?')
  END;
CREATE OR REPLACE TEMP MACRO day_of(s) AS CASE
  WHEN length(s) = 8 THEN CAST(try_strptime(s, '%Y%m%d') AS DATE)
  WHEN s[5] = '-' THEN TRY_CAST(s AS DATE)
  ELSE CAST(try_strptime(s, '%Y年%m月%d日') AS DATE)
  END;
CREATE OR REPLACE TEMP MACRO is_plain_date(s, day) AS
  day BETWEEN DATE '1900-01-01' AND DATE '2099-12-31' AND CASE
    WHEN length(s) = 8 THEN strftime(day, '%Y%m%d') = s
    WHEN s[5] = '-' THEN CAST(day AS VARCHAR) = s
    ELSE strftime(day, '%Y年%-m月%-d日') = s
  END;
-- Whether an amount is a base times a rate, each head's share rounded to the fen. In the size receipts have, the product fits
-- a machine word.
CREATE OR REPLACE TEMP MACRO is_product(amount, base, rate, heads) AS CASE
  WHEN abs(base) < 100000000 AND abs(amount) < 10000000 AND rate >= 0 AND rate < 1 AND heads BETWEEN 1 AND 999999999
    THEN abs(CAST(amount AS DECIMAL(9,2)) - CAST(base AS DECIMAL(10,2)) * CAST(rate AS DECIMAL(6,6)))
      <= CAST(heads AS DECIMAL(9,0)) * 0.005
  ELSE abs(amount - CAST(base AS DECIMAL(20,2)) * rate) <= greatest(heads, 1) * 0.005
  END;
-- Whether an amount lies between two amounts for each head.
CREATE OR REPLACE TEMP MACRO between_per_head(amount, heads, low, high) AS CASE
  WHEN heads BETWEEN 1 AND 999999999 AND low < 9999999 AND high < 9999999
    THEN amount BETWEEN CAST(heads AS DECIMAL(9,0)) * CAST(low AS DECIMAL(9,2))
      AND CAST(heads AS DECIMAL(9,0)) * CAST(high AS DECIMAL(9,2))
  ELSE amount BETWEEN heads * low AND heads * high
  END;
"""

# How the days of the years about a month are written most often.
_DAY_FORMS: tuple[Callable[[dt.date], str], ...] = (
    lambda day: f"{day:%Y%m%d}",
    lambda day: f"{day:%Y-%m-%d}",
    lambda day: f"{day.year}年{day.month}月{day.day}日",
    lambda day: f"{day.year}/{day.month}/{day.day}",
)
_YEARS_BEFORE, _YEARS_AFTER = 3, 1


def days_sql(month_start: dt.date) -> str:
    """Return the SQL of the type ``plain_day``, the texts of all days about a month, form by form, and of ``plain_date``,
    the day of a text that has been looked up there. Looking up is faster than reading, and a text found needs no proof."""
    first = dt.date(month_start.year - _YEARS_BEFORE, 1, 1)
    count = (dt.date(month_start.year + _YEARS_AFTER + 1, 1, 1) - first).days
    texts = [form(day) for form in _DAY_FORMS for day in (first + dt.timedelta(n) for n in range(count))]
    return f"""
    DROP TYPE IF EXISTS plain_day;
    CREATE TEMP TYPE plain_day AS ENUM ({", ".join(f"'{text}'" for text in texts)});
    CREATE OR REPLACE TEMP MACRO plain_date(s, listed) AS CASE
      WHEN listed IS NOT NULL THEN DATE '{first}' + CAST(enum_code(listed) % {count} AS INTEGER)
      WHEN s = '' THEN NULL
      ELSE day_of(s)
      END;
    """


READERS = {
    "text": "{0}",
    "code": "{0}",
    "money": "money({0}, unit)",
    "integer": "whole_number({0})",
    "rate": "rate({0})",
    "date": "calendar_day({0})",
    "month": "calendar_month({0})",
}
