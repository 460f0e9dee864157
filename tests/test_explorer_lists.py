"""The explorer's lists against plain questions to the audit's own frames."""

import datetime
import itertools
import json
import operator
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import polars as pl
import pytest

import pixsieve
from explorer_case import Client, exploring
from report_case import collect

DAY = datetime.date(2024, 2, 28)
#: Columns of ours of every kind, and of the user's: some are called as ours are.
MINE = ("day", "at", "zoned", "good", "many", "real", "mean", "score", "decision", "kind", "size")
#: What a list shows of each row, and the frame that has it.
PAIRS = {"leaks": ("image_from", "image_to"), "similarity": ("from", "to")}
SINGLE = ("mislabels", "outliers", "flags", "invalid")


def columns(paths: list[Path]) -> pl.DataFrame:
    """Every third value is missing, every fourth the same."""
    rows = range(len(paths))

    def some(values: Any) -> list[Any]:
        return [None if row % 3 == 1 else value for row, value in zip(rows, values, strict=True)]

    moments = [datetime.datetime(2024, 3, 30, 22) + datetime.timedelta(hours=row) for row in rows]
    frame = pl.DataFrame(
        {
            "path": [str(path) for path in paths],
            "day": some(DAY + datetime.timedelta(row % 4) for row in rows),
            "at": some(moments),
            "good": some(row % 4 == 0 for row in rows),
            "many": some(2**53 + row % 4 for row in rows),
            "real": some(row % 4 / 10 for row in rows),
            "mean": some(-row for row in rows),
            "score": some("ab"[row % 2] for row in rows),
            "decision": ["drop"] * len(paths),
            "kind": some(f"Kind {row % 4}" for row in rows),
            "size": list(rows),
        }
    )
    zoned = pl.col("at").dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Berlin")
    return frame.with_columns(zoned=zoned)


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> pixsieve.Audit:
    root = tmp_path_factory.mktemp("lists")
    collect(root / "in")
    # What is not UTF-8 cannot be named in a table.
    named = [path for path in (root / "in").rglob("*") if path.is_file() and path.name.isascii()]
    return pixsieve.run(
        root / "in",
        work_dir=root / "out",
        annotations=columns(sorted(named)),
        labels="folder",
        device="cpu",
        progress=False,
        outlier_percentile=0.2,
    )


@pytest.fixture(scope="module")
def client(audit: pixsieve.Audit) -> Iterator[Client]:
    with exploring(audit) as one:
        yield one


def keys(client: Client, kind: str, **asked: object) -> list[int]:
    """All items of a list, page by page; the pages agree on how many there are."""
    if "filters" in asked:
        asked["filters"] = json.dumps(asked["filters"])
    found: list[int] = []
    for start in itertools.count(0, 7):
        page = client.get(f"/api/list/{kind}?{urlencode({**asked, 'start': start, 'limit': 7})}")
        found += [item["key"] for item in page["items"]]
        assert page["start"] == start
        if not page["items"]:
            assert page["total"] == len(found)
            return found
    raise AssertionError


@pytest.fixture(scope="module")
def whole(audit: pixsieve.Audit) -> pl.DataFrame:
    """A row per image with everything that images are filtered by, under the names used there."""
    names = {name: f"{name}_user" for name in ("mean", "score", "decision", "kind", "size")}
    return audit.images.rename(names).hstack(audit.statistics.drop("image"))


def plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime.date) else value


class TestFilters:
    COMPARED = (
        *("image", "width", "file_size", "blur", "stdv", "is_grayscale", "mean"),
        *("many", "real", "mean_user", "day", "at", "zoned", "good", "score_user", "size_user"),
        *("label", "split", "format", "error_code", "path", "kind_user", "decision_user"),
    )

    def test_these_are_all_columns(self, client: Client, whole: pl.DataFrame):
        offered = [one["name"] for one in client.get("/api/columns")["images"]]
        assert set(offered) == set(whole.columns)
        assert set(self.COMPARED) <= set(offered)
        kinds = {one["name"]: one["kind"] for one in client.get("/api/columns")["images"]}
        assert [kinds[name] for name in ("day", "at", "zoned", "good", "real", "score_user")] == [
            *("date", "time", "time", "bool", "number", "category")
        ]

    @pytest.mark.parametrize("name", COMPARED)
    def test_comparisons(self, client: Client, whole: pl.DataFrame, name: str):
        values = whole[name].to_list()
        present = sorted({value for value in values if value is not None})
        tested = 0
        for value in {present[0], present[len(present) // 2], present[-1]}:
            for op, compare in {"=": operator.eq, ">=": operator.ge, "<=": operator.le}.items():
                expected = [
                    image
                    for image, one in enumerate(values)
                    if one is not None and compare(one, value)
                ]
                assert keys(client, "images", filters=[[name, op, plain(value)]]) == expected, op
                tested += bool(expected)
        assert tested
        several = [*present[:2], present[-1]]
        expected = [image for image, one in enumerate(values) if one in several]
        assert keys(client, "images", filters=[[name, "in", list(map(plain, several))]]) == expected
        assert keys(client, "images", filters=[[name, "in", []]]) == []
        missing = [image for image, one in enumerate(values) if one is None]
        assert keys(client, "images", filters=[[name, "is_null"]]) == missing
        others = [image for image, one in enumerate(values) if one is not None]
        assert keys(client, "images", filters=[[name, "not_null"]]) == others

    @pytest.mark.parametrize("value", [2**40 + 0.5, -1, 0.5, 1e300])
    def test_numbers_that_no_column_holds(self, client: Client, value: float):
        assert keys(client, "images", filters=[["width", "=", value]]) == []
        assert keys(client, "images", filters=[["width", "in", [value, 64]]]) == keys(
            client, "images", filters=[["width", "=", 64]]
        )

    def test_moments_of_other_zones(self, client: Client, whole: pl.DataFrame):
        moment = whole["zoned"][0]
        expected = [image for image, one in enumerate(whole["zoned"]) if one == moment]
        written = {
            moment.isoformat(),
            moment.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z"),
            moment.astimezone(datetime.timezone(datetime.timedelta(hours=-7))).isoformat(),
            # As it is shown: the column's own.
            moment.replace(tzinfo=None).isoformat(),
        }
        assert len(written) == 4
        for one in written:
            assert keys(client, "images", filters=[["zoned", "=", one]]) == expected
            assert keys(client, "images", filters=[["zoned", "in", [one]]]) == expected

    @pytest.mark.parametrize("sought", ["cat", "CAT", "Cat", "hog", "🦔", "<B>", "<b>", "0", "png"])
    def test_capitals_matter_where_there_are_any(
        self, client: Client, whole: pl.DataFrame, sought: str
    ):
        def has(text: str | None) -> bool:
            return text is not None and sought in (
                text if sought != sought.lower() else text.lower()
            )

        expected = [image for image, path in enumerate(whole["path"]) if has(path)]
        assert keys(client, "images", q=sought) == expected
        assert keys(client, "images", filters=[["path", "contains", sought]]) == expected
        expected = [image for image, label in enumerate(whole["label"]) if has(label)]
        assert keys(client, "images", filters=[["label", "contains", sought]]) == expected

    def test_all_conditions_hold_at_once(self, client: Client, whole: pl.DataFrame):
        split = whole["split"].drop_nulls()[0]
        filters = [["split", "=", split], ["blur", ">=", 50.0], ["good", "is_null"]]
        expected = whole.filter(
            pl.col("split") == split,
            pl.col("blur") >= 50,
            pl.col("good").is_null(),
            pl.col("path").str.contains("0"),
        )["image"]
        assert len(expected)
        assert keys(client, "images", filters=filters, q="0") == expected.to_list()


class TestOrder:
    @pytest.mark.parametrize("name", TestFilters.COMPARED)
    @pytest.mark.parametrize("down", [False, True])
    def test_nulls_last_and_ties_as_they_came(
        self, client: Client, whole: pl.DataFrame, name: str, down: bool
    ):
        values = whole[name].to_list()
        present = [image for image, one in enumerate(values) if one is not None]
        ranked = sorted(present, key=values.__getitem__)
        if down:
            ranked = sorted(present, key=lambda image: _Reversed(values[image]))
        expected = ranked + [image for image, one in enumerate(values) if one is None]
        asked = {"sort": name, "desc": "1" if down else ""}
        assert keys(client, "images", **asked) == expected
        filtered = [image for image in expected if whole["split"][image] == "test"]
        assert keys(client, "images", **asked, filters=[["split", "=", "test"]]) == filtered

    def test_as_it_came_turned_round(self, client: Client, audit: pixsieve.Audit):
        assert keys(client, "images", desc="1") == list(range(audit.images.height))[::-1]

    def test_groups_by_their_first_image_and_by_size(self, client: Client, audit: pixsieve.Audit):
        groups = audit.duplicates().group_by("group", maintain_order=True).agg(pl.all())
        first = [images[0] for images in groups["image"]]
        paths = audit.images["path"]
        expected = sorted(range(len(first)), key=lambda group: paths[first[group]])
        assert keys(client, "duplicates", sort="path") == expected
        sizes = [len(images) for images in groups["image"]]
        expected = sorted(range(len(first)), key=lambda group: -sizes[group])
        assert keys(client, "duplicates", sort="size", desc="1") == expected


class _Reversed:
    """Sorts the other way round, ties as they came."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: "_Reversed") -> bool:
        return other.value < self.value


def expected_items(audit: pixsieve.Audit, kind: str) -> list[list[int]]:
    """The images of each item, as the audit's frames have them."""
    frame = {
        "components": audit.connected_components,
        "invalid": audit.invalid_instances,
    }.get(kind, getattr(audit, kind, None))()
    if kind in PAIRS:
        return [list(row) for row in frame.select(PAIRS[kind]).rows()]
    key = {"duplicates": "group", "components": "component", "placeholders": "cluster"}.get(kind)
    if key is None:
        return [[image] for image in frame["image"]]
    return frame.group_by(key, maintain_order=True).agg("image")["image"].to_list()


class TestItems:
    @pytest.mark.parametrize("kind", [*PAIRS, *SINGLE, "duplicates", "components", "placeholders"])
    def test_are_those_of_the_audit(self, client: Client, audit: pixsieve.Audit, kind: str):
        expected = expected_items(audit, kind)
        assert expected or kind == "placeholders"
        assert keys(client, kind) == list(range(len(expected)))
        page = client.get(f"/api/list/{kind}?limit=200")
        shown = [
            [card["image"] for card in item["cards"] if not card["beside"]]
            for item in page["items"]
        ]
        assert shown == expected
        sizes = {one["name"]: one["total"] for one in client.get("/api/overview")["lists"]}
        assert sizes[kind] == page["total"] == page["before"] == len(expected)

    @pytest.mark.parametrize("kind", [*PAIRS, *SINGLE, "duplicates", "components"])
    def test_of_one_item(self, client: Client, audit: pixsieve.Audit, kind: str):
        items = expected_items(audit, kind)
        for number in (0, len(items) - 1):
            of = f"{kind}:{number}"
            assert keys(client, "images", of=of) == sorted(set(items[number]))
            met = [
                group
                for group, images in enumerate(expected_items(audit, "duplicates"))
                if set(images) & set(items[number])
            ]
            assert keys(client, "duplicates", of=of) == met

    @pytest.mark.parametrize("kind", [*PAIRS, *SINGLE, "duplicates", "components"])
    def test_that_have_an_image_that_passes(
        self, client: Client, audit: pixsieve.Audit, whole: pl.DataFrame, kind: str
    ):
        passing = set(whole.filter(pl.col("score_user") == "a")["image"])
        expected = [
            number
            for number, images in enumerate(expected_items(audit, kind))
            if passing & set(images)
        ]
        assert keys(client, kind, filters=[["score_user", "=", "a"]]) == expected

    def test_what_their_own_columns_say(self, client: Client, audit: pixsieve.Audit):
        strange = audit.outliers()
        least = float(strange["score"].median())
        expected = strange.with_row_index("key").filter(pl.col("score") >= least)["key"].to_list()
        assert 0 < len(expected) < strange.height
        assert keys(client, "outliers", filters=[["score", ">=", least]]) == expected
        leaks = audit.leaks().with_row_index("key").filter(pl.col("kind") == "near")
        assert keys(client, "leaks", filters=[["kind", "=", "near"]]) == leaks["key"].to_list()
        assert leaks.height

    def test_what_is_said_of_an_image(self, client: Client, audit: pixsieve.Audit):
        kinds = [*PAIRS, *SINGLE, "duplicates", "components", "placeholders"]
        kinds.remove("similarity")
        for image in range(audit.images.height):
            found = client.get(f"/api/image/{image}")
            assert found["image"] == image
            said = {(one["finding"], one["key"]) for one in found["found"]}
            expected = {
                (kind, number)
                for kind in kinds
                for number, images in enumerate(expected_items(audit, kind))
                if image in images
            }
            assert said == expected
            digest = audit.images["digest"][image]
            same = audit.images.filter(pl.col("digest") == digest)["image"].to_list()
            assert found["copies"] == [other for other in same if other != image]
            facts = dict(found["facts"])
            assert facts["size_user" if "size_user" in facts else "format"] is not None
