"""What is kept by a text."""

from __future__ import annotations

from gateway.http.graphql.bounded import BoundedTexts


def test_what_is_kept_is_bounded_by_size() -> None:
    store: BoundedTexts[int] = BoundedTexts(max_size=3 * 1024)
    for n in range(10_000):
        store.put(str(n), n, 400)
    assert [n for n in range(10_000) if store.get(str(n)) is not None] == [9997, 9998, 9999]
    # An item without a size of its own takes memory too, and its text.
    for n in range(10_000):
        store.put(str(n), n, 0)
    assert len([n for n in range(10_000) if store.get(str(n)) is not None]) == 5
    # Four bytes a character.
    store.put("\N{GRINNING FACE}" * 700, 0, 0)
    assert store.get("\N{GRINNING FACE}" * 700) is None
    store.put("too large", 0, 3 * 1024)
    assert store.get("too large") is None
    # What was asked for last is dropped last; one that is put again counts once.
    for text in ("a", "b", "c"):
        store.put(text, 1, 300)
    assert store.get("a") == 1
    store.put("c", 2, 700)
    store.put("d", 1, 300)
    assert [store.get(each) for each in ("a", "b", "c", "d")] == [1, None, 2, 1]
    # What grows takes its room from the others, and is dropped itself where it needs more than there is.
    store.grow("d", 900)
    assert [store.get(each) for each in ("a", "c", "d")] == [None, 2, 1]
    store.grow("a", 900)
    store.grow("d", 3 * 1024)
    assert [store.get(each) for each in ("a", "c", "d")] == [None, None, None]
