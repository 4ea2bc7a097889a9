"""The task types whose answers follow from figures and labels: each function gives one case."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from evalharness.simulate.cases import Case, data, filler

if TYPE_CHECKING:
    from random import Random

_FIRST_DAY = date(2026, 3, 2)


def keyword_relevance(rng: Random) -> Case:
    """Is a search keyword relevant for a product?"""
    file = data("keyword_relevance")
    product = rng.choice(file["product"])
    match = rng.choices(("exact", "related", "unrelated"), (5, 3, 4))[0]
    keyword = rng.choice(product[match]) + rng.choice(("", "", " buy", " cheap", " best", " online", " sale", " near me"))
    shop = filler(rng)["company"]
    prompt = f"Shop: {shop}, locale {rng.choice(('en-GB', 'en-US', 'en-IE', 'en-AU'))}\n"
    prompt += f"Product {rng.randint(10_000, 99_999)}: {product['name']}\nKeyword: {keyword}"

    def answer(verdict: str) -> str:
        return json.dumps({"keyword": keyword, "relevant": verdict != "unrelated", "match": verdict})

    return Case(
        system=file["system"],
        prompt=prompt,
        max_tokens=file["max_tokens"],
        good=answer(match),
        minor=answer({"exact": "related", "related": "exact", "unrelated": "unrelated"}[match]),
        wrong=tuple(map(answer, ("exact", "related") if match == "unrelated" else ("unrelated",))),
    )


def classification(rng: Random) -> Case:
    """Which label and priority does a support message get?"""
    file = data("classification")
    message = rng.choice(file["message"])
    values = filler(rng)
    text = rng.choice(message["texts"]).format(
        **values, day=f"{rng.randint(2, 28)}th", low=rng.randint(11, 49), amount=rng.randint(60, 980)
    )
    channel = rng.choice(("Web form", "E-mail", "Chat", "App"))

    def answer(label: str, priority: str) -> str:
        return json.dumps({"label": label, "priority": priority})

    label, priority = message["label"], message["priority"]
    others = {"high": "low", "normal": "high", "low": "high"}
    return Case(
        system=file["system"],
        prompt=f"{channel}, {values['company']}:\n\n{text}\n\n{values['person']}",
        max_tokens=file["max_tokens"],
        good=answer(label, priority),
        minor=answer(label, {"high": "normal", "normal": "low", "low": "normal"}[priority]),
        wrong=(answer(message["near"], priority), answer("other" if label != "other" else "bug", others[priority])),
    )


def data_extraction(rng: Random) -> Case:
    """The order in an e-mail, as JSON."""
    file, values = data("data_extraction"), filler(rng)
    items = [
        {"sku": sku, "description": what, "quantity": rng.choice((2, 4, 5, 6, 10, 12, 24, 40)), "unit_price": price}
        for sku, what, price in rng.sample(file["goods"], rng.randint(2, 4))
    ]
    day = _FIRST_DAY + timedelta(days=rng.randint(0, 250))
    currency = rng.choice(("EUR", "GBP", "USD"))
    express = rng.random() < 0.3  # noqa: PLR2004 - a share
    order = {
        "customer": values["company"],
        "order_number": f"SO-{rng.randint(20_000, 69_999)}",
        "po_number": f"PO/{rng.randint(100, 999)}-{day.year}" if rng.random() < 0.6 else None,  # noqa: PLR2004 - a share
        "date": day.isoformat(),
        "items": items,
        "currency": currency,
        "total": round(sum(item["quantity"] * item["unit_price"] for item in items), 2),
        "delivery": "express" if express else "standard",
    }
    return Case(
        system=file["system"],
        prompt=_order_mail(order, day, values, rng),
        max_tokens=file["max_tokens"],
        good=json.dumps(order),
        minor=json.dumps(order | {"items": [item | {"description": item["description"].split(",")[0]} for item in items]}),
        wrong=(
            json.dumps(order | {"items": items[:-1]}),
            json.dumps(order | {"total": round(order["total"] * 1.19, 2)}),
            json.dumps(order | {"date": f"{day.year}-{day.day % 12 + 1:02}-{day.month:02}"}),
            json.dumps({key: value for key, value in order.items() if key not in {"po_number", "delivery"}}),
        ),
        cached=True,
    )


def formatting(rng: Random) -> Case:
    """Notes on people, as a Markdown table."""
    file = data("formatting")
    rows = []
    for name in rng.sample(file["last"], rng.randint(4, 7)):
        city, country, area = rng.choice(file["cities"])
        digits, since = f"555{rng.randint(1000, 9999)}", date(rng.randint(2009, 2025), rng.randint(1, 12), rng.randint(1, 28))
        rows.append((name, rng.choice(file["first"]), city, country, area, digits, since))
    notes = [_note(row, file["months"], rng) for row in rows]
    table = [
        f"| {first} {last} | +{country} {area} {digits} | {city} | {since.isoformat()} |"
        for last, first, city, country, area, digits, since in sorted(rows)
    ]
    head = ["| Name | Phone | City | Since |", "| --- | --- | --- | --- |"]
    index = rng.randrange(len(table))
    *_, country, area, digits, since = sorted(rows)[index]
    slip = table[index].replace(digits, f"{digits[:-1]}{(int(digits[-1]) + 1) % 10}")
    swapped = table[index].replace(since.isoformat(), f"{since.year}-{since.day % 12 + 1:02}-{since.month:02}")
    return Case(
        system=file["system"],
        prompt=f"Contacts of {filler(rng)['company']}, list {rng.randint(100, 999)}:\n\n" + "\n".join(notes),
        max_tokens=file["max_tokens"],
        good="\n".join(head + table),
        minor="Here is the table:\n\n" + "\n".join(head + table),
        wrong=(
            "\n".join([*head, *table[:index], *table[index + 1 :]]),
            "\n".join([*head, *table[:index], slip, *table[index + 1 :]]),
            "\n".join([*head, *table[:index], swapped, *table[index + 1 :]]),
        ),
    )


def campaign_summary(rng: Random) -> Case:
    """The week of a campaign, from its figures."""
    file, values = data("campaign_summary"), filler(rng)
    week = rng.randint(10, 44)
    goal, cause = rng.choice(file["goals"]), rng.choice(file["causes"])
    rows = []
    for channel in rng.sample(file["channels"], rng.randint(3, 5)):
        before, spend = rng.randint(60, 420), rng.randint(9, 64) * 100
        rows.append((channel, spend, before, max(20, round(before * rng.uniform(0.7, 1.5)))))
    spend, before, now = (sum(row[column] for row in rows) for column in (1, 2, 3))
    lines = [f"| {channel} | {cost:,} | {last} | {this} |" for channel, cost, last, this in rows]
    best = max(rows, key=lambda row: row[3] / row[1])
    worst = min(rows, key=lambda row: row[3] / row[1])
    change = (now / before - 1) * 100

    def summary(change: float, cost: float, best: str, worst: str) -> str:
        moved = "rose" if change >= 0 else "fell"
        return (
            f"⟦In week {week}, {goal} {moved} by {abs(change):.1f} % to {now:,}|Week {week} brought {now:,} {goal}, "
            f"{abs(change):.1f} % {'more' if change >= 0 else 'fewer'} than the week before⟧, at EUR {spend:,} of spend or "
            f"EUR {cost:.1f} each. ⟦The week is marked by one event: {cause}|The change coincides with one event: {cause}⟧; "
            f"{best} was the cheapest channel and {worst} the dearest. ⟦If next week brings no other event, we expect a "
            f"similar level.|Without a further event we expect about the same next week.⟧\n\n"
            f"Recommendation: ⟦move a tenth of the budget of {worst} to {best} and compare after one week.|shift 10 % of "
            f"{worst}'s budget to {best} for a week and compare.⟧"
        )

    good = summary(change, spend / now, best[0], worst[0])
    return Case(
        system=file["system"],
        prompt=f"Client: {values['company']} ({values['industry']}). Week {week}, goal: {goal}. Note: {cause}.\n\n"
        + "\n".join(["| Channel | Spend EUR | Last week | This week |", "| --- | --- | --- | --- |", *lines]),
        max_tokens=file["max_tokens"],
        good=good,
        minor=good.split(" ⟦If next week")[0] + f"\n\nRecommendation: move budget from {worst[0]} to {best[0]}.",
        wrong=(
            summary(-change if abs(change) > 1 else change + 20, spend / now, best[0], worst[0]),
            summary(change * 2 + 3, spend / now * 0.6, best[0], worst[0]),
            summary(change, spend / now, worst[0], best[0]),
        ),
        cached=True,
    )


def _order_mail(order: dict[str, Any], day: date, values: dict[str, str], rng: Random) -> str:
    file = data("data_extraction")
    items = [f"- {item['quantity']} x {item['sku']} {item['description']}, {item['unit_price']:.2f} each" for item in order["items"]]
    facts = [f"Our order number is {order['order_number']}, dated {day.day} {file['months'][day.month - 1]} {day.year}."]
    if order["po_number"]:
        facts.append(f"Please quote {order['po_number']} on all papers.")
    facts.append(f"Total {order['total']:.2f} {order['currency']} net, as in your offer.")
    facts.append("We need it by express." if order["delivery"] == "express" else "Standard delivery is fine.")
    opening, closing = (rng.choice(file[key]).format(**values) for key in ("openings", "closings"))
    return f"{opening}\n\n" + "\n".join(items) + "\n\n" + " ".join(facts) + f"\n\n{closing}"


def _note(row: tuple[str, str, str, str, str, str, date], months: list[str], rng: Random) -> str:
    last, first, city, country, area, digits, since = row
    phone = rng.choice((f"00{country}/{area}-{digits}", f"+{country} ({area}) {digits[:3]} {digits[3:]}", f"+{country}{area}{digits}"))
    day = rng.choice(
        (
            f"{since.day}. {months[since.month - 1]} {since.year}",
            f"{since:%d.%m.%Y}",
            f"{months[since.month - 1]} {since.day}, {since.year}",
        )
    )
    name = rng.choice((f"{first} {last}", f"{last}, {first}", f"{first} {last.upper()}"))
    return rng.choice((f"{name} - {phone}, {city}, since {day}", f"{city}: {name} ({day}) tel {phone}", f"{name}; {city}; {day}; {phone}"))
