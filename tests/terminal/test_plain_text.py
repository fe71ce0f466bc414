"""Every text can be printed on every stream."""

import io

import pytest

from phase6c.terminal.plain_text import accept_any_text


@pytest.mark.parametrize(
    ("encoding", "text", "shown"),
    [
        ("ascii", "50,000 ± 20% of a long na…", "50,000 +- 20% of a long na..."),
        ("ascii", "out/ünï", r"out/\xfcn\xef"),
        ("ascii", "株価", r"\u682a\u4fa1"),
        ("latin-1", "± ü …", "± ü ..."),
        ("utf-8", "± 株価", "± 株価"),
        # A file's name that is no text, as Python reads it.
        ("utf-8", b"caf\xe9.csv".decode(errors="surrogateescape"), r"caf\udce9.csv"),
    ],
)
def test_what_a_stream_does_not_take_is_replaced(encoding, text, shown):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    accept_any_text(stream)
    stream.write(text)
    stream.flush()
    assert raw.getvalue().decode(encoding) == shown


def test_a_stream_of_another_kind_is_left_as_it_is():
    accept_any_text(io.StringIO())
