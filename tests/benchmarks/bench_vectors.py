"""Vectors that items bring themselves: `python -m tests.benchmarks vectors [options]`.

    --items N         that bring one (1000)
    --lengths L ...   numbers of each (16 1536)
    --seconds S       of load per length (10)

First what is lost when long vectors are brought to fewer numbers, on real ones: each film of
MovieLens-100K by the ratings of 943 users. `error` is that of cosines, `kept` the share of a
film's ten nearest that stay so, `rates` the correlation of the prior of films never shown with
what other users like; `learn s` the time of learning from 1,000 items. Then a worker and its
serving process on Apache Kafka, from the start on: the first slate, and the longest silence of
/healthz of both while every item changes and events are counted.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
from confluent_kafka import Producer
from rich.console import Console
from rich.table import Table

from bandits.learning.embedding_prior import neighbour_anchor
from bandits.learning.projection import bring_down
from bandits.simulation.movielens import data_folder
from tests.cluster import Cluster
from tests.streams.worker_process import WorkerProcess

SIZES = (64, 128, 256, 512, 943)
PROBE_S = 0.02
KNOWN = 0.5  # share of the films that have been shown


def run(options: list[str]) -> dict[str, object]:
    """Measure, print two tables, return what stands in them."""
    parser = argparse.ArgumentParser(prog="vectors")
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--lengths", type=int, nargs="+", default=[16, 1536])
    parser.add_argument("--seconds", type=float, default=10.0)
    asked = parser.parse_args(options)
    kept = [distortion(most) for most in SIZES]
    show("943 ratings of each film in fewer numbers", kept)
    served = []
    with (
        tempfile.TemporaryDirectory() as folder,
        Cluster(Path(folder) / "kafka", measured=True) as kafka,
    ):
        for length in asked.lengths:
            own = Path(folder) / str(length)
            own.mkdir()
            served.append(serve(kafka.bootstrap, own, asked.items, length, asked.seconds))
    show(f"{asked.items} items with vectors of their own", served)
    return {"kept": kept, "served": served}


def show(title: str, rows: list[dict[str, Any]]) -> None:
    """One table."""
    table = Table(*rows[0], title=title)
    for row in rows:
        table.add_row(
            *(f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values())
        )
    Console().print(table)


def distortion(most: int) -> dict[str, Any]:
    """What is lost with so many numbers."""
    user, film, rating = np.loadtxt(
        data_folder() / "ml-100k.inter", skiprows=1, usecols=(0, 1, 2)
    ).T
    user, film = user.astype(int) - 1, film.astype(int) - 1
    given, liked = np.zeros((2, film.max() + 1, user.max() + 1))  # (n_films, n_users) each
    given[film, user], liked[film, user] = rating - rating.mean(), rating >= 4
    vectors = given[(given != 0).sum(axis=1) >= 20]
    exact, found = _cosines(vectors, vectors.shape[1]), _cosines(vectors, most)
    error = np.abs(exact - found)[np.triu_indices(len(exact), 1)]
    began = time.perf_counter()
    for vector in vectors:
        bring_down(vector, most)
    each_us = (time.perf_counter() - began) / len(vectors) * 1e6
    return {
        "numbers": most,
        "error": float(error.mean()),
        "error p99": float(np.quantile(error, 0.99)),
        "kept": _kept(exact, found),
        "rates": _prediction(given, liked, most),
        "us per vector": each_us,
        "learn s": _learning_s(most),
    }


def _learning_s(most: int, n_items: int = 1000) -> float:
    rng = np.random.default_rng(2)
    vectors = bring_down(rng.normal(size=(n_items, most)), most)
    looks = rng.integers(10, 400, n_items).astype(np.float64)
    hits = rng.binomial(looks.astype(np.int64), 0.05).astype(np.float64)
    began = time.perf_counter()
    neighbour_anchor(looks, hits, vectors, 0.05, 3.0)
    return time.perf_counter() - began


def _cosines(vectors: np.ndarray, most: int) -> np.ndarray:
    rows = bring_down(vectors, most).astype(np.float64)
    return rows @ rows.T - 2 * np.eye(len(rows))  # nobody is a neighbour of his own


def _kept(exact: np.ndarray, found: np.ndarray) -> float:
    before, after = (np.argsort(-each, axis=1)[:, :10] for each in (exact, found))
    return float(np.mean([np.isin(a, b).mean() for a, b in zip(before, after, strict=True)]))


def _prediction(given: np.ndarray, liked: np.ndarray, most: int) -> float:
    rng = np.random.default_rng(1)
    some = rng.permutation(given.shape[1]) < given.shape[1] // 2
    films = (given[:, some] != 0).sum(axis=1) >= 10
    rates = liked[films][:, ~some].mean(axis=1)  # (n_films,) what the other half of the users likes
    shown = rng.random(len(rates)) < KNOWN
    looks = np.where(shown, rng.integers(20, 400, len(rates)), 0).astype(np.float64)
    hits = rng.binomial(looks.astype(np.int64), rates).astype(np.float64)
    vectors = bring_down(given[films][:, some], most)
    anchor = neighbour_anchor(looks, hits, vectors, hits.sum() / looks.sum(), 3.0)
    return float(np.corrcoef(anchor.mean[~shown], rates[~shown])[0, 1])


class Probe(threading.Thread):
    """Asks a page again and again; how long it took at most."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.port, self.longest_s, self.ended = port, 0.0, False

    def run(self) -> None:
        """Until `ended`; a process that does not listen yet is not silent."""
        while not self.ended:
            began = time.perf_counter()
            try:
                get(self.port, "/healthz")
            except urllib.error.URLError as error:
                if isinstance(error.reason, ConnectionRefusedError):
                    began = time.perf_counter()
            self.longest_s = max(self.longest_s, time.perf_counter() - began)
            time.sleep(PROBE_S)


def get(port: int, path: str, body: object = None) -> Any:
    """A page; with a body it is posted."""
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", data, timeout=60) as answer:
        return json.load(answer) if data is not None else answer.read()


def serve(
    bootstrap: str, folder: Path, n_items: int, length: int, seconds: float
) -> dict[str, Any]:
    """A worker with items of such vectors."""
    prefix = f"v{length}."
    worker = WorkerProcess(folder, bootstrap, prefix)
    worker.command("topics", "create", "--json")
    rng = np.random.default_rng(length)
    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random"})

    def describe() -> None:
        for number in range(n_items):
            item = {"item_id": f"i{number}", "vector": rng.normal(size=length).tolist()}
            producer.produce(f"{prefix}items", json.dumps(item), f"i{number}")
            producer.poll(0)
        producer.flush()

    describe()
    probes = [Probe(worker.port), Probe(worker.worker_port)]
    began = time.perf_counter()
    worker.start()
    try:
        for probe in probes:
            probe.start()
        worker.wait_ready()
        ready_s = time.perf_counter() - began
        took = [_slate(worker, "first")]
        after = threading.Thread(target=describe)
        after.start()
        number, end = 0, time.perf_counter() + seconds
        while time.perf_counter() < end:
            number += 1
            for place in range(10):
                seen = {"slate_id": f"s{number}", "user_id": f"u{number}", "ts": time.time()}
                seen |= {"item_id": f"i{rng.integers(n_items)}", "position": place}
                producer.produce(f"{prefix}impressions", json.dumps(seen), f"u{number}")
            producer.poll(0)
            took.append(_slate(worker, f"r{number}"))
            time.sleep(0.02)
        after.join()
        producer.flush()
    finally:
        for probe in probes:
            probe.ended = True
        worker.stop()
    return {
        "numbers": length,
        "ready s": ready_s,
        "first slate ms": took[0] * 1e3,
        "slate p99 ms": float(np.quantile(took, 0.99)) * 1e3,
        "serving /healthz ms": probes[0].longest_s * 1e3,
        "worker /healthz ms": probes[1].longest_s * 1e3,
    }


def _slate(worker: WorkerProcess, name: str) -> float:
    began = time.perf_counter()
    slate = get(worker.port, "/v1/slates", {"request_id": name, "user_id": "u"})
    assert len(slate["items"]) == 10
    return time.perf_counter() - began
