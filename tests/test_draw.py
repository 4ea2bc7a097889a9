"""The draw is the same number on every road, and shares mean what they say."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from evalharness.draw import DIGITS, draw, kept, threshold, uniform

SHARES = st.floats(0, 1)
IDS = st.text(max_size=40)


@pytest.mark.parametrize(
    ("salt", "call_id", "expected"),
    [
        ("evalharness", "call-1", "6aca4740aad000c549fd4cf1ca076f90"),
        ("evalharness", "call-2", "50d27af9a6e3886bf070b2368e6c36f3"),
        ("", "", "853ae90f0351324bd73ea615e6487517"),
        ("s", "ü€", "51f30b6c55769163152502aff93f72c5"),
    ],
)
def test_published(salt: str, call_id: str, expected: str) -> None:
    """These draws were made with `printf %s salt:id | md5sum`; another implementation must find the same."""
    assert draw(salt, call_id) == expected


@given(IDS.filter(lambda t: "\0" not in t), IDS.filter(lambda t: "\0" not in t))
def test_is_md5_of_salt_and_id(salt: str, call_id: str) -> None:
    """The draw is the MD5 of the UTF-8 of "salt:id" in lower-case hex."""
    assert draw(salt, call_id) == hashlib.md5(f"{salt}:{call_id}".encode(), usedforsecurity=False).hexdigest()


def test_lone_surrogate() -> None:
    """An id that is no valid Unicode has a draw too, since a log may hold one."""
    assert len(draw("s", "\ud800")) == DIGITS


def test_same_in_postgres(postgres_url: str) -> None:
    """PostgreSQL's md5() gives the same draw, so a warehouse can sample as we do."""
    engine = create_engine(postgres_url)
    with engine.connect() as connection:
        for call_id in ("call-1", "ü€ 'quoted'", "x" * 200):
            found = connection.scalar(text("SELECT md5(:salt || ':' || :id)"), {"salt": "evalharness", "id": call_id})
            assert found == draw("evalharness", call_id)
    engine.dispose()


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.0, "0" * 32),
        (0.5, "8" + "0" * 31),
        (0.25, "4" + "0" * 31),
        (2**-53, "0" * 13 + "8" + "0" * 18),
        (1.0, "g"),
        (7.0, "g"),
        (-1.0, "0" * 32),
    ],
)
def test_threshold(share: float, expected: str) -> None:
    """A share is the first draw that is not kept, as hex; the whole share is above every draw."""
    assert threshold(share) == expected


@given(SHARES, SHARES, IDS)
def test_shares_compose_as_their_minimum(a: float, b: float, call_id: str) -> None:
    """What live capture keeps at one share and `sample` at another is what one of them keeps at the lower share."""
    both = kept("s", call_id, share=a) and kept("s", call_id, share=b)
    assert both == kept("s", call_id, share=min(a, b))


@given(SHARES, SHARES)
def test_threshold_is_monotone(a: float, b: float) -> None:
    """A larger share keeps at least what a smaller one keeps."""
    low, high = sorted((a, b))
    assert threshold(low) <= threshold(high)


@given(IDS)
def test_ends_are_exact(call_id: str) -> None:
    """Share 0 keeps nothing and share 1 everything."""
    assert (kept("s", call_id, share=0.0), kept("s", call_id, share=1.0)) == (False, True)


@given(IDS, SHARES)
def test_kept_is_uniform_below_share(call_id: str, share: float) -> None:
    """The number and the text are one draw: kept iff u < share."""
    assert kept("s", call_id, share=share) == (uniform("s", call_id) < share)


def test_uniform() -> None:
    """20,000 draws fill 20 equal boxes as chance does, and neighbouring ids do not stand together."""
    draws = [uniform("evalharness", f"call-{i}") for i in range(20_000)]
    boxes = [0] * 20
    for u in draws:
        boxes[int(u * 20)] += 1
    assert sum((n - 1000) ** 2 / 1000 for n in boxes) < 43.8  # chi-square, 19 degrees of freedom, 0.1 %
    mean = sum(draws) / len(draws)
    together = sum((a - mean) * (b - mean) for a, b in pairwise(draws)) / sum((u - mean) ** 2 for u in draws)
    assert abs(together) < 0.025
    assert all(0 <= u < 1 for u in draws)


def test_salt_makes_another_sample() -> None:
    """Two salts keep shares that are independent of each other, so an audit's draw does not repeat the sample's."""
    ids = [f"call-{i}" for i in range(20_000)]
    both = sum(kept("a", i, share=0.5) and kept("b", i, share=0.5) for i in ids)
    assert abs(both - 5000) < 250
