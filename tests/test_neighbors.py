"""The neighbor graph and its groups against slow, readable oracles."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from pixsieve import _native

Graph = tuple[NDArray[np.uint32], NDArray[np.float32]]

SCIPY_NAMES = {
    "cosine": "cosine",
    "euclidean": "euclidean",
    "l1": "cityblock",
    "linf": "chebyshev",
    "canberra": "canberra",
    "braycurtis": "braycurtis",
    "jensenshannon": "jensenshannon",
}
DISTANCES = list(SCIPY_NAMES)
MISSING = 4_294_967_295


def exact(
    vectors: NDArray[np.float32], k: int, distance: str = "cosine", threads: int = 2
) -> Graph:
    return _native.exact_neighbors(
        vectors=vectors, k=k, distance=distance, num_threads=threads, progress=None
    )


def query(
    queries: NDArray[np.float32], vectors: NDArray[np.float32], k: int, distance: str = "cosine"
) -> Graph:
    return _native.query_neighbors(
        queries=queries, vectors=vectors, k=k, distance=distance, num_threads=2, progress=None
    )


def hnsw(vectors: NDArray[np.float32], k: int, distance: str = "cosine", threads: int = 2) -> Graph:
    return _native.hnsw_neighbors(
        vectors=vectors,
        k=k,
        distance=distance,
        seed=1,
        ef_construction=100,
        ef_search=100,
        num_threads=threads,
        progress=None,
    )


def rows(count: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    """Positive, so that every distance is defined."""
    return np.random.default_rng(seed).gamma(1.0, size=(count, width)).astype(np.float32) + 1e-3


def clustered(count: int, width: int) -> NDArray[np.float32]:
    random = np.random.default_rng(5)
    centres = random.standard_normal((count // 20, width))
    spread = 0.4 * random.standard_normal((count, width))
    return (centres[random.integers(0, len(centres), count)] + spread).astype(np.float32)


def true_similarities(
    queries: NDArray[np.float32], vectors: NDArray[np.float32], distance: str
) -> NDArray[np.float64]:
    distances = cdist(queries.astype(float), vectors.astype(float), SCIPY_NAMES[distance])
    return 1 - distances if distance == "cosine" else 1 / (1 + distances)


def best(similarities: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    return -np.sort(-similarities, axis=1)[:, :k]


def without_self(similarities: NDArray[np.float64]) -> NDArray[np.float64]:
    similarities = similarities.copy()
    np.fill_diagonal(similarities, -np.inf)
    return similarities


def ordered(ids: NDArray[np.uint32], similarities: NDArray[np.float32]) -> bool:
    """Whether each row falls by similarity, and rises by row number among equals."""
    falls = similarities[:, 1:] < similarities[:, :-1]
    ties = (similarities[:, 1:] == similarities[:, :-1]) & (ids[:, 1:] > ids[:, :-1])
    return bool((falls | ties).all())


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize(("count", "width"), [(2, 1), (3, 17), (17, 3), (400, 64)])
def test_exact_agrees_with_scipy(distance: str, count: int, width: int) -> None:
    vectors = rows(count, width)
    truth = without_self(true_similarities(vectors, vectors, distance))
    ids, similarities = exact(vectors, 7, distance)
    k = min(7, count - 1)
    assert ids.dtype == np.uint32
    assert similarities.dtype == np.float32
    assert ids.shape == similarities.shape == (count, k)
    np.testing.assert_allclose(similarities, best(truth, k), atol=1e-6)
    np.testing.assert_allclose(np.take_along_axis(truth, ids, 1), similarities, atol=1e-6)
    assert ordered(ids, similarities)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("count", [1, 10, 200])
def test_query_agrees_with_scipy_and_keeps_equal_rows(distance: str, count: int) -> None:
    vectors = rows(300, 24)
    truth = true_similarities(vectors[:count], vectors, distance)
    ids, similarities = query(vectors[:count], vectors, 5, distance)
    np.testing.assert_allclose(similarities, best(truth, 5), atol=1e-6)
    np.testing.assert_array_equal(ids[:, 0], np.arange(count))
    assert (similarities[:, 0] == 1).all()


def test_distances_that_scipy_leaves_undefined() -> None:
    vectors = np.array([[0, 0], [0, 0], [1, -1], [0, 1]], dtype=np.float32)
    ids, similarities = exact(vectors, 3, "braycurtis")
    np.testing.assert_array_equal(ids[0], [1, 2, 3])
    np.testing.assert_allclose(similarities[0], [1, 0.5, 0.5])
    _, similarities = query(-vectors[2:3], vectors[2:3], 1, "braycurtis")
    assert similarities[0, 0] == 0
    _, similarities = exact(vectors, 1, "canberra")
    assert similarities[0, 0] == 1


@pytest.mark.parametrize("distance", DISTANCES)
def test_twins_leave_out_self_by_row_number(distance: str) -> None:
    vectors = np.repeat(rows(9, 11), 4, axis=0)
    ids, similarities = exact(vectors, 3, distance)
    twins = np.arange(36).reshape(9, 4)
    wanted = [[twin for twin in twins[row // 4] if twin != row] for row in range(36)]
    np.testing.assert_array_equal(ids, wanted)
    assert (similarities == 1).all()


def test_equal_similarities_are_ordered_by_row_number() -> None:
    corners = np.random.default_rng(2).integers(1, 3, size=(500, 3)).astype(np.float32)
    for distance in DISTANCES:
        ids, similarities = exact(corners, 40, distance)
        assert ordered(ids, similarities)


def test_neighbors_nearer_than_single_precision_are_found() -> None:
    crowd = (1 + 1e-4 * np.random.default_rng(4).standard_normal((500, 32))).astype(np.float32)
    for distance in ("cosine", "euclidean"):
        truth = without_self(true_similarities(crowd, crowd, distance))
        _, similarities = exact(crowd, 10, distance)
        np.testing.assert_allclose(similarities, best(truth, 10), rtol=0, atol=1.3e-7)


@pytest.mark.parametrize("distance", DISTANCES)
def test_threads_agree(distance: str) -> None:
    vectors = np.concatenate([rows(300, 20), rows(300, 20)[:50]])
    for one, many in zip(
        exact(vectors, 9, distance, 1), exact(vectors, 9, distance, 5), strict=True
    ):
        np.testing.assert_array_equal(one, many)


@pytest.mark.parametrize("search", [exact, hnsw])
@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_k_is_reduced_to_what_there_is(search: Callable[..., Graph], count: int) -> None:
    ids, similarities = search(rows(count, 6), 50)
    assert ids.shape == similarities.shape == (count, max(count - 1, 0))
    assert all(set(found) == set(range(count)) - {row} for row, found in enumerate(ids.tolist()))


def test_k_of_a_query_is_reduced_to_the_collection() -> None:
    vectors = rows(4, 6)
    assert query(vectors[:2], vectors, 50)[0].shape == (2, 4)
    assert query(vectors[:0], vectors, 2)[0].shape == (0, 2)
    assert query(vectors, vectors[:0], 2)[0].shape == (4, 0)


@pytest.mark.parametrize("search", [exact, hnsw])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_rows_that_are_not_finite_are_refused(search: Callable[..., Graph], value: float) -> None:
    vectors = rows(30, 8)
    vectors[17, 3] = value
    with pytest.raises(ValueError, match="row 17"):
        search(vectors, 3)


@pytest.mark.parametrize("search", [exact, hnsw])
def test_a_row_of_zeros_is_refused_under_cosine_only(search: Callable[..., Graph]) -> None:
    vectors = rows(30, 8)
    vectors[4] = 0
    with pytest.raises(ValueError, match="row 4"):
        search(vectors, 3)
    assert search(vectors, 3, "euclidean")[0].shape == (30, 3)


@pytest.mark.parametrize("value", [-0.5, 0.0])
def test_what_is_no_distribution_is_refused_under_jensenshannon(value: float) -> None:
    vectors = rows(30, 8)
    vectors[21] = value
    with pytest.raises(ValueError, match="row 21"):
        exact(vectors, 3, "jensenshannon")


def test_arguments_that_make_no_sense_are_refused() -> None:
    vectors = rows(10, 8)
    with pytest.raises(ValueError, match="k is 0"):
        exact(vectors, 0)
    with pytest.raises(ValueError, match="unknown distance"):
        exact(vectors, 1, "manhattan")
    with pytest.raises(ValueError, match="columns"):
        query(vectors[:, :4].copy(), vectors, 1)
    with pytest.raises(ValueError, match="cosine and euclidean"):
        hnsw(vectors, 1, "l1")


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(DISTANCES))
def test_permuting_rows_permutes_neighbors(random: object, distance: str) -> None:
    vectors = rows(60, 9)
    order = list(range(60))
    random.shuffle(order)  # type: ignore[attr-defined]
    ids, similarities = exact(vectors, 4, distance)
    moved_ids, moved_similarities = exact(vectors[order], 4, distance)
    np.testing.assert_array_equal(np.array(order)[moved_ids], ids[order])
    np.testing.assert_array_equal(moved_similarities, similarities[order])


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_hnsw_finds_nearly_all_and_never_itself(distance: str) -> None:
    vectors = clustered(2000, 32)
    truth, _ = exact(vectors, 10, distance)
    ids, similarities = hnsw(vectors, 10, distance)
    found = sum(len(set(a) & set(b)) for a, b in zip(ids.tolist(), truth.tolist(), strict=True))
    assert found >= 0.95 * truth.size
    assert (ids != np.arange(2000)[:, None]).all()
    there = ids != MISSING
    assert (np.isnan(similarities) == ~there).all()
    assert ordered(ids[there.all(axis=1)], similarities[there.all(axis=1)])


def test_hnsw_on_one_thread_repeats_itself() -> None:
    vectors = clustered(500, 16)
    for first, second in zip(hnsw(vectors, 5, threads=1), hnsw(vectors, 5, threads=1), strict=True):
        np.testing.assert_array_equal(first, second)


EDGES = st.integers(1, 40).flatmap(
    lambda size: st.tuples(
        st.just(size),
        st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), max_size=60),
        st.permutations(range(size)),
    )
)


def ends(edges: list[tuple[int, int]]) -> dict[str, NDArray[np.uint32]]:
    pairs = np.array(edges, dtype=np.uint32).reshape(-1, 2)
    return {"edges_from": pairs[:, 0].copy(), "edges_to": pairs[:, 1].copy()}


def slow_components(size: int, edges: list[tuple[int, int]]) -> list[int]:
    labels = list(range(size))
    for _ in range(size):
        for a, b in edges:
            labels[a] = labels[b] = min(labels[a], labels[b])
    return labels


@given(EDGES)
def test_components_agree_with_a_slow_search(
    case: tuple[int, list[tuple[int, int]], list[int]],
) -> None:
    size, edges, _ = case
    labels = _native.connected_components(size=size, **ends(edges))
    assert labels.tolist() == slow_components(size, edges)


@given(EDGES)
def test_stars_hold_only_rows_that_touch_their_representative(
    case: tuple[int, list[tuple[int, int]], list[int]],
) -> None:
    size, edges, priority = case
    stars = _native.star_groups(
        priority=np.array(priority, dtype=np.uint32), **ends(edges)
    ).tolist()
    touching = {frozenset(edge) for edge in edges}
    place = {row: index for index, row in enumerate(priority)}
    for row, star in enumerate(stars):
        assert stars[star] == star
        assert row == star or (frozenset((row, star)) in touching and place[star] < place[row])
    representatives = {row for row in range(size) if stars[row] == row}
    assert all(len(edge) == 1 or not edge <= representatives for edge in touching)


def test_edges_outside_the_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="only 3 rows"):
        _native.connected_components(size=3, **ends([(0, 3)]))
    with pytest.raises(ValueError, match="priority"):
        _native.star_groups(priority=np.array([0, 0], dtype=np.uint32), **ends([]))
