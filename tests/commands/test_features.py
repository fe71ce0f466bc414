"""The catalogue of features, as a table and as JSON."""

import json


def test_the_catalogue_names_every_feature_of_a_tier_with_its_meaning(features):
    done = features("--tier", "a20")
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 21
    (line,) = (line for line in lines if line.startswith("dd_252 "))
    for word in ("a20", "position", "251 d", "close", "highest"):
        assert word in line


def test_all_two_hundred_as_json(features):
    done = features("--json")
    assert done.exit_code == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["schema"] == "phase6c.features/1"
    rows = document["features"]
    assert len(rows) == 200
    assert {row["tier"] for row in rows} == {"a20", "a50", "a100", "a200"}
    assert sum(row["tier"] == "a200" for row in rows) == 100
    assert all(row["meaning"] and row["lookback_days"] >= 0 for row in rows)


def test_a_tier_that_there_is_not_is_refused(features):
    done = features("--tier", "a10")
    assert done.exit_code == 2
    assert "a10" in done.stderr
