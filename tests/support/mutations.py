"""Faults that files of bars come with, planted into the texts of vendors."""

from __future__ import annotations

import csv
import random
import re
from collections.abc import Callable
from io import StringIO

Rows = list[list[str]]
Mutation = Callable[[Rows, Rows, random.Random], None]

PRICE = re.compile(r"^\$?[0-9]+[.,][0-9]{2}$")
ISO = re.compile(r"^([0-9]{4})-([0-9]{2})-([0-9]{2})$")


def parts_of(text: str) -> tuple[str, Rows, Rows]:
    """The delimiter, the rows of the header, and the rows of the data."""
    lines = text.splitlines()
    delimiter = max(",;\t|", key=lines[-1].count)
    rows = list(csv.reader(lines, delimiter=delimiter))
    n_header = next(n for n, row in enumerate(rows) if len(row) > 4 and PRICE.match(row[1]))
    return delimiter, rows[:n_header], rows[n_header:]


def text_of(delimiter: str, rows: Rows, end: str = "\n") -> str:
    buffer = StringIO()
    csv.writer(buffer, delimiter=delimiter, lineterminator=end).writerows(rows)
    return buffer.getvalue()


def _price_cell(body: Rows, rng: random.Random) -> tuple[int, int]:
    cells = [
        (row, column)
        for row, cells in enumerate(body)
        for column, cell in enumerate(cells)
        if PRICE.match(cell)
    ]
    return rng.choice(cells)


def shuffled(_header: Rows, body: Rows, rng: random.Random) -> None:
    rng.shuffle(body)


def turned_round(_header: Rows, body: Rows, _rng: random.Random) -> None:
    body.reverse()


def two_rows_exchanged(_header: Rows, body: Rows, rng: random.Random) -> None:
    one, two = rng.sample(range(len(body)), 2)
    body[one], body[two] = body[two], body[one]


def row_twice(_header: Rows, body: Rows, rng: random.Random) -> None:
    row = rng.randrange(len(body))
    body.insert(row, list(body[row]))


def rows_gone(_header: Rows, body: Rows, rng: random.Random) -> None:
    for _ in range(rng.randint(1, 5)):
        del body[rng.randrange(len(body))]


def cell_replaced(_header: Rows, body: Rows, rng: random.Random) -> None:
    row, column = _price_cell(body, rng)
    junk = (
        "",
        "N/A",
        "-",
        "nan",
        "x",
        "0",
        "-1",
        "#REF!",
        "1e400",
        "12,34.5",
        "null",
        "$",
        "1.2.3",
    )
    body[row][column] = rng.choice(junk)


def point_moved(_header: Rows, body: Rows, rng: random.Random) -> None:
    row, column = _price_cell(body, rng)
    whole, mark, cents = re.split(r"([.,])", body[row][column])
    factor = rng.choice([-2, -1, 1, 2])
    digits = whole.strip("$") + cents + "00"
    place = max(len(whole.strip("$")) + factor, 1)
    body[row][column] = f"{digits[:place]}{mark}{digits[place : place + 2]}"


def points_lost(_header: Rows, body: Rows, rng: random.Random) -> None:
    """From some row on, all prices are in cents."""
    for row in body[rng.randrange(1, len(body)) :]:
        row[:] = [
            cell.replace(".", "").replace(",", "") if PRICE.match(cell) else cell for cell in row
        ]


def days_and_months_exchanged(_header: Rows, body: Rows, rng: random.Random) -> None:
    for row in body:
        found = ISO.match(row[0])
        if found and int(found[3]) <= 12:
            row[0] = f"{found[1]}-{found[3]}-{found[2]}"
    if rng.random() < 0.5:
        body.sort(key=lambda row: row[0])


def two_date_orders(_header: Rows, body: Rows, rng: random.Random) -> None:
    start = rng.randrange(len(body))
    for row in body[start:]:
        found = ISO.match(row[0])
        if found:
            row[0] = f"{int(found[3])}/{int(found[2])}/{found[1]}"


def weekends_filled(_header: Rows, body: Rows, _rng: random.Random) -> None:
    filled: Rows = []
    for row, after in zip(body, [*body[1:], body[-1]], strict=True):
        filled.append(row)
        found, later = ISO.match(row[0]), ISO.match(after[0])
        if found and later and int(later[3]) - int(found[3]) == 3:
            for day in (1, 2):
                filled.append([f"{found[1]}-{found[2]}-{int(found[3]) + day:02d}", *row[1:]])
    body[:] = filled


def title_above(header: Rows, _body: Rows, rng: random.Random) -> None:
    titles = (
        ["Prices of ABC"],
        ["# made by a program", " v1"],
        [""],
        ["Symbol: ABC", "2024-01-02"],
    )
    for _ in range(rng.randint(1, 3)):
        header.insert(0, list(rng.choice(titles)))


def footer_below(_header: Rows, body: Rows, rng: random.Random) -> None:
    body.append([rng.choice(["Source: a vendor", "Total", "", "* delayed"])])


def volumes_in_thousands_points(_header: Rows, body: Rows, _rng: random.Random) -> None:
    for row in body:
        row[:] = [
            f"{int(cell):,}".replace(",", ".") if re.fullmatch(r"[1-9][0-9]{2,6}", cell) else cell
            for cell in row
        ]


def column_added(header: Rows, body: Rows, rng: random.Random) -> None:
    name = rng.choice(["Dividends", "Exchange", "rsi", "Split Factor"])
    for row in header[-1:]:
        row.append(name)
    for row in body:
        row.append(rng.choice(["0.0", "1.5"]) if name != "Exchange" else "NYSE")


def last_bar_in_session(_header: Rows, body: Rows, _rng: random.Random) -> None:
    newest = max(body, key=lambda row: row[0])
    if ISO.match(newest[0]) and any(map(PRICE.match, newest)):
        newest[0] += " 14:31:07"
        column = max(n for n, cell in enumerate(newest) if PRICE.match(cell))
        low = min(float(cell.strip("$").replace(",", ".")) for cell in newest if PRICE.match(cell))
        newest[column] = f"{low:.2f}"


def pasted_from_another_stock(_header: Rows, body: Rows, rng: random.Random) -> None:
    """A part of the rows is of a stock that costs a twentieth."""
    start = rng.randrange(len(body) - 10)
    for row in body[start : start + rng.randint(8, 10)]:
        for n, cell in enumerate(row):
            if PRICE.match(cell) and cell[0] != "$" and "," not in cell:
                row[n] = f"{float(cell) / 20:.2f}"


MUTATIONS: tuple[Mutation, ...] = (
    *(shuffled, turned_round, two_rows_exchanged, row_twice, rows_gone, cell_replaced),
    *(point_moved, points_lost, days_and_months_exchanged, two_date_orders, weekends_filled),
    *(title_above, footer_below, volumes_in_thousands_points, column_added),
    *(last_bar_in_session, pasted_from_another_stock),
)


def mutated(text: str, rng: random.Random) -> tuple[str, list[str]]:
    """The text with one to three faults, and their names."""
    delimiter, header, body = parts_of(text)
    chosen = rng.sample(MUTATIONS, rng.choice([1, 1, 1, 2, 3]))
    for mutation in chosen:
        mutation(header, body, rng)
    rows = [*header, *body]
    end = rng.choice(["\n", "\n", "\r\n"])
    made = text_of(delimiter, rows, end)
    return rng.choice(["", "", "\ufeff"]) + made, [mutation.__name__ for mutation in chosen]
