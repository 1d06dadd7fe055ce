"""A shop's database in PostgreSQL, which tells how an order ended once the shop knows."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import sqlalchemy as sa

SHOPS = ("दिल्ली", "মুম্বই", "Zürich–अ")
ITEMS = ("चाय", "शर्ट", "জুতা", "łamp", "книга", "👗 dress")
CHANCES = (0.02, 0.03, 0.04, 0.06, 0.08, 0.25)
A_DAY = 250  # the mean of all that is learned from is within 0.5 points of the truth, by chance
KOLKATA = timedelta(hours=5, minutes=30)
KEPT_DAYS = 14
KNOWN = "SELECT * FROM all_ends WHERE known_at < (SELECT now FROM clock)"


def orders(first: date, last: date) -> pd.DataFrame:
    """Every order of these days, its chance to come back, whether it did, and when that was known."""
    rng = np.random.default_rng(8)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    n = A_DAY * len(days)
    item = rng.integers(0, len(ITEMS), n)
    chance = np.array(CHANCES)[item]
    came_back = rng.random(n) < chance
    day = np.repeat(np.array(days, dtype="datetime64[D]"), A_DAY)
    after = np.where(came_back, rng.integers(1, 11, n), KEPT_DAYS)
    hours = rng.uniform(1, 22, n)
    local = day.astype("datetime64[us]") + (after * 24 * 3600e6 + hours * 3600e6).astype("m8[us]")
    return pd.DataFrame(
        {
            "day": day.astype(object),
            "shop": rng.choice(SHOPS, n),
            "number": np.tile(np.arange(A_DAY), len(days)),
            "item": np.array(ITEMS)[item],
            "price": rng.gamma(2, 400, n).round(2),
            "chance": chance,
            "came_back": came_back,
            "known_at": local - np.timedelta64(KOLKATA),
        }
    )


def fill(url: str, rows: pd.DataFrame) -> None:
    """Put the orders into a database: table `orders`, and view `ends`, as of a clock of its own."""
    engine = sa.create_engine(url)
    order = ["day", "shop", "number", "item", "price"]
    types = {"day": sa.Date(), "number": sa.Integer()}
    rows[order].to_sql("orders", engine, index=False, dtype=types)
    ends = rows[[*order, "came_back", "known_at"]]
    ends.to_sql("all_ends", engine, index=False, dtype=types)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE clock (now timestamp)"))
        connection.execute(sa.text("INSERT INTO clock VALUES (NULL)"))
        connection.execute(sa.text(f"CREATE VIEW ends AS {KNOWN}"))
    engine.dispose()


def set_clock(url: str, day: date) -> None:
    """It is the early morning of the day."""
    engine = sa.create_engine(url)
    now = pd.Timestamp(day) - KOLKATA
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE clock SET now = :now"), {"now": now.to_pydatetime()})
    engine.dispose()
