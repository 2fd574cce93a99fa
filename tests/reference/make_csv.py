#!/usr/bin/env python3
"""Reference values from Python's csv module for the tables that shapewright reads.

Run, from the root of the repository:

    python3 tests/reference/make_csv.py

It writes csv.json next to itself. The file in the repository was made with
Python 3.11.7. The script is seeded.

The fields are what csv.reader(.., strict=True) gives: a quote opens a field
only at its beginning, and is text elsewhere; a quote that never closes and
text after a closing quote are errors. White space around fields is taken off,
as shapewright does; no field has blanks before its first quote, where the two
differ.

Format
------
{"python": version, "cases": [case, ...]}
    text      a table of three columns without names
    fields    its rows, three texts each; null if it is malformed
    mistake   "open" for a quote that never closes, "after" for text after a
              closing quote; null if there is none
    line      the line in which the first malformed field begins
"""

import csv
import io
import json
import pathlib
import platform
import random

HERE = pathlib.Path(__file__).parent
ENDS = ["\n", "\r\n", "\r"]


def plain(rng):
    """A field without quotes around it, with quotes within."""
    first = rng.choice(["", "a", "5", "é", ";"])
    return first + "".join(rng.choice('ab5" \';é"') for _ in range(rng.randrange(5))) if first else ""


def quoted(rng):
    """A field in quotes, with delimiters, ends of lines and quotes that are written twice."""
    parts = ["a", "5", " ", ",", '""', "é", *ENDS]
    return '"' + "".join(rng.choice(parts) for _ in range(rng.randrange(5))) + '"'


def table(rng):
    """The text of a table, and its mistake."""
    end = rng.choice(ENDS)
    rows = [
        [rng.choice([plain, plain, quoted])(rng) for _ in range(3)]
        for _ in range(rng.randrange(1, 5))
    ]
    mistake = rng.choice([None, None, "open", "after"])
    column = rng.randrange(3)
    if mistake == "open":
        # Nothing after it may close it.
        row = len(rows) - 1
        open_field = '"' + rng.choice(["", "a", "a,5", f"a{end}5"])
        rows[row][column:] = [open_field] + ["b"] * (2 - column)
    elif mistake == "after":
        row = rng.randrange(len(rows))
        rows[row][column] = quoted(rng) + rng.choice(["a", " a", '5"', 'a""'])

    text = "".join(",".join(row) + end for row in rows)
    if mistake is None:
        return text, None, None
    before = "".join(",".join(row) + end for row in rows[:row])
    before += "".join(field + "," for field in rows[row][:column])
    return text, mistake, 1 + ends_of_lines(before)


def ends_of_lines(text):
    return text.replace("\r\n", "\n").replace("\r", "\n").count("\n")


def read(text):
    """The rows, or the text of the error."""
    try:
        return [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row], None
    except csv.Error as error:
        return None, str(error)


def main():
    rng = random.Random(0)
    cases = [
        {"text": '1,5" pipe,a\n', "mistake": None, "line": None},
        {"text": 'a""b,c",5"6"7\n', "mistake": None, "line": None},
    ]
    while len(cases) < 400:
        text, mistake, line = table(rng)
        cases.append({"text": text, "mistake": mistake, "line": line})

    for case in cases:
        rows, error = read(case["text"])
        known = {None: None, "open": "unexpected end of data", "after": "',' expected after '\"'"}
        assert error == known[case["mistake"]], (case, error)
        assert rows is None or all(len(row) == 3 for row in rows), case
        case["fields"] = rows and [[field.strip() for field in row] for row in rows]

    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    version = platform.python_version()
    (HERE / "csv.json").write_text(f'{{"python":"{version}","cases":[\n{lines}\n]}}\n')


main()
