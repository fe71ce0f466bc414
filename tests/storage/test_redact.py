"""Redaction takes out what would let a reader in, and nothing else."""

import ast
import logging
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phase6c.storage.redact import RedactingFormatter, redact

from ..support.pace import cost

ROOT = Path(__file__).parents[2]

NAMES = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", "api_", "AWS_SECRET_ACCESS_", "x-", "db.", "client", "Ünï"]),
        st.sampled_from(["key", "KEY", "token", "Token", "secret", "Password"]),
    ),
)
# Long enough not to stand in the text around it by chance.
SECRETS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9+/=_.~%!$*:@-]{7,40}", fullmatch=True)
QUOTED = st.text(st.characters(exclude_categories=["Cs"]), min_size=8, max_size=40).filter(
    lambda text: not set(text) <= set("* ") and "'" not in text and text.strip() == text
)
USERS = st.from_regex(r"[A-Za-z0-9+_.~%!$*:-]{8,40}", fullmatch=True)
ORDINARY = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="=:"))
PIECES = (
    *("key", "token", "password", "Authorization", "bearer ", "basic", "=", ":", "://", "@", "/"),
    *("?", "#", "&", "x=", "'", '"', "\\", "[", "]", "{", "}", "(", ")", ",", ";", " ", "\n"),
    *("a", "***"),
)


@given(ORDINARY, NAMES, st.sampled_from(["=", ": ", " = ", ":", "=>"]), SECRETS, ORDINARY)
def test_what_a_name_is_given_is_never_left(before, name, sign, secret, after):
    found = redact(f"{before} {name}{sign}{secret} {after}")
    assert secret not in found.replace(before, "").replace(after, "")
    assert f"{name}{sign}***" in found


@given(NAMES, QUOTED, st.sampled_from(["'{}': '{}', 'n': 1", "{}='{}', n=1", "{}: '{}', n: 1"]))
def test_a_quoted_value_is_replaced_up_to_its_end(name, secret, form):
    text = form.format(name, secret.replace("\\", "\\\\"))
    assert redact(text) == form.format(name, "***")


@given(USERS, USERS)
def test_user_and_password_of_a_url_are_never_left(user, password):
    found = redact(f"cannot open postgres://{user}:{password}@host:5432/db?n=1, sorry")
    assert found == "cannot open postgres://***@host:5432/db?n=1, sorry"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://u:p@s:w@host/x?token=abc&x=1", "https://***@host/x?token=***&x=1"),
        ("https://ghp_abc@github.com/x", "https://***@github.com/x"),
        (r'{"api_token": "ab\"cd", "n": 1}', '{"api_token": "***", "n": 1}'),
        (r"{\"token\": \"abc\", \"n\": 2}", r"{\"token\": \"***\", \"n\": 2}"),
        ('secret: ["a b", "c d"], n: 1', "secret: ***, n: 1"),
        ('{"token": {"password": "a b"}}', '{"token": ***}'),
        ("login failed (password=hunter2), retry", "login failed (password=***), retry"),
        ("wrong token: password: hunter2", "wrong token: password: ***"),
        ("password='cut off in the mid", "password='***'"),
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ('private_key="-----BEGIN\nabc\n-----"', 'private_key="***"'),
        ("password=))", "password=***"),
    ],
)
def test_forms_in_which_secrets_come(text, expected):
    assert redact(text) == expected


@given(ORDINARY)
def test_a_text_that_gives_nothing_to_a_name_is_left_alone(text):
    assert redact(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "KeyError: 'close'",
        "n_tokens: 5, keys: 3, tokenizer=bpe",
        "http://localhost:8080/users/@me",
        "mail to someone@example.org at 12:30",
        "C:\\bars\\sp500.csv, line 3: close is not a number",
        "the token is missing",
    ],
)
def test_ordinary_messages_are_left_alone(text):
    assert redact(text) == text


def test_the_librarys_own_messages_are_left_alone():
    paths = [one for room in ("phase6c", "launch") for one in (ROOT / room).rglob("*.py")]
    texts = {
        node.value
        for path in paths
        if path.name != "redact.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if "\n" not in node.value  # documentation is shown to nobody
    }
    assert len(texts) > 500
    assert [text for text in texts if redact(text) != text] == []


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_a_redacted_text_stays_as_it_is(text):
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize("unit", ["key=", "key='", "'", "\\", "://", "&a", "[", "token:", "a"])
def test_a_text_of_ten_times_the_length_takes_no_longer_than_it_must(unit):
    """Ten times as long, and not a hundred times."""
    short, long = (cost(partial(redact, unit * n)) for n in (5_000, 50_000))
    assert long < 40 * max(short, 0.1)


def test_a_log_is_redacted_with_its_traceback():
    info = (RuntimeError, RuntimeError("password=hunter2"), None)
    record = logging.LogRecord("a", logging.ERROR, __file__, 1, "token=%s", ("abcd",), info)
    found = RedactingFormatter().format(record)
    assert found.splitlines() == ["token=***", "RuntimeError: password=***"]
