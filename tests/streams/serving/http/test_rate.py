"""Rate: a second's worth at once, then one by one; and whose address it is."""

from __future__ import annotations

import pytest

from streams.serving.http.rate import MOST_ADDRESSES, RateLimit, address_of


def test_a_burst_of_one_second_then_one_for_one() -> None:
    """10 a second: ten at once, the eleventh 0.1 s later, and a quiet second fills it again."""
    rate = RateLimit(10)
    assert [rate.wait_s("a", 0.0) for _ in range(10)] == [0.0] * 10
    assert rate.wait_s("a", 0.0) == pytest.approx(0.1)
    assert rate.wait_s("b", 0.0) == 0.0
    assert rate.wait_s("a", 0.11) == 0.0
    assert rate.wait_s("a", 0.11) > 0
    assert [rate.wait_s("a", 5.0) for _ in range(11)][-1] > 0


def test_zero_is_no_limit() -> None:
    rate = RateLimit(0)
    assert {rate.wait_s("a", 0.0) for _ in range(1000)} == {0.0}


def test_addresses_that_are_invented_do_not_fill_the_memory() -> None:
    rate = RateLimit(1)
    for number in range(MOST_ADDRESSES + 100):
        rate.wait_s(str(number), 0.0)
    assert len(rate._buckets) == MOST_ADDRESSES


@pytest.mark.parametrize(
    ("forwarded", "proxies", "address"),
    [
        ("", 0, "peer"),
        ("1.1.1.1", 0, "peer"),
        ("", 1, "peer"),
        ("invented, 1.1.1.1", 1, "1.1.1.1"),
        ("invented, 1.1.1.1, 2.2.2.2", 2, "1.1.1.1"),
        ("1.1.1.1", 2, "1.1.1.1"),
    ],
)
def test_the_address_is_what_our_outermost_proxy_saw(
    forwarded: str, proxies: int, address: str
) -> None:
    assert address_of("peer", forwarded, proxies) == address
