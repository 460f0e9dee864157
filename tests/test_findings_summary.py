import json

import polars as pl
from hypothesis import given

from findings_cases import Case, case_of, plans
from pixsieve import findings, schema
from pixsieve.findings import Line, Summary


def summary_of(
    case: Case,
    left_out: dict[str, int] | None = None,
    annotations: dict[str, int] | None = None,
    unmatched: pl.DataFrame | None = None,
    videos: pl.DataFrame | None = None,
) -> Summary:
    return findings.summary(
        left_out=left_out or {},
        annotations=annotations or {},
        unmatched=schema.empty("unmatched") if unmatched is None else unmatched,
        images=case.images,
        duplicates=case.duplicates(),
        connected_components=case.connected_components(),
        leaks=case.leaks(),
        outliers=case.outliers(0.1),
        mislabels=case.mislabels(1),
        flags=case.flags(),
        placeholders=case.placeholders(),
        duplicate_videos=videos,
    )


def test_lines_of_a_collection_with_everything():
    train, test = {"split": "train", "label": "cat"}, {"split": "test", "label": "cat"}
    rows = [
        train | {"digest": "a", "width": 9},
        test | {"digest": "a", "width": 9},
        train,
        train | {"label": "dog"},
        {"error_code": "corrupt"},
        {"error_code": "truncated"},
    ]
    found = summary_of(case_of(rows, (0, 2, 0.9), (0, 3, 0.3), (0, 5, 0.1)))
    assert [str(line) for line in found.lines] == [
        "6 images, 4 valid (66.7%) → audit.annotations()",
        "2 broken images (33.3%): 1 corrupt, 1 truncated → audit.invalid_instances()",
        "2 exact and 1 near duplicates in 1 group; 2 images (33.3%) could go → audit.duplicates()",
        "3 images (50.0%) in 1 cluster of look-alikes; the largest has 3"
        " → audit.connected_components()",
        "1 image of test is also in train: 1 exact → audit.leaks()",
        "1 outlier (16.7%) → audit.outliers()",
        "1 suspected wrong label (16.7%) → audit.mislabels()",
        '1 low-information image (16.7%) → audit.flags("low_information")',
        '1 low-contrast image (16.7%) → audit.flags("low_contrast")',
        '1 dark image (16.7%) → audit.flags("dark")',
        '3 blurry images (50.0%) → audit.flags("blurry")',
        '1 oddly shaped image (16.7%) → audit.flags("odd_aspect_ratio")',
    ]


def test_where_nothing_could_be_looked_at_nothing_is_said_to_be_fine():
    rows = [{"error_code": "missing_file", "detail": "no such file"}] * 2 + [
        {"error_code": "permission_denied", "detail": "the member is encrypted"}
    ]
    found = summary_of(case_of(rows))
    assert [str(line) for line in found.lines] == [
        "3 images, 0 valid (0.0%) → audit.annotations()",
        "3 broken images (100.0%): 2 missing_file, 1 permission_denied → audit.invalid_instances()",
        "No picture could be looked at; most of them say: no such file",
    ]
    assert found.counts["examined"] == 0
    assert summary_of(case_of([{"error_code": "truncated"}])).counts["examined"] == 1


def test_files_that_were_not_read_are_counted():
    found = summary_of(case_of([{}]), {"hidden": 2, "links": 0, "not_pictures": 1})
    assert str(found.lines[1]) == (
        "Files left out: hidden ones (hidden=True reads them): 2; no picture by name or content: 1."
    )


def test_boxes_and_what_did_not_come_together():
    case = case_of([{}, {"error_code": "bad_bounding_box"}, {"error_code": "corrupt"}])
    told = {"boxes": 1_234, "bad_boxes": 0, "duplicate_boxes": 2, "unknown_categories": 0}
    reasons = ["the input has no such picture", "no box", "no box", "of another kind"]
    sides = ["annotations", "input", "input", "input"]
    lost = pl.DataFrame({"path": list("abcd"), "side": sides, "reason": reasons})
    found = summary_of(case, None, told, lost)
    assert [str(line) for line in found.lines[1:3]] == [
        "1,234 boxes; bad ones: 1; given more than once: 2.",
        "Pictures without a box: 2; of another kind: 1; annotations without a picture: 1"
        " → audit.unmatched()",
    ]
    assert json.loads(json.dumps(found.counts)) == found.counts
    assert found.counts["bad_boxes"] == 1
    assert found.counts["unmatched"]["no box"] == 2
    found = summary_of(case_of([{}]), None, {"unknown_categories": 3})
    assert str(found.lines[1]) == "Annotations; of categories without a name: 3."
    assert not found.counts["unmatched"]


def test_nothing_at_all():
    found = summary_of(case_of([]))
    assert found.lines[0] == Line("No images.")
    assert all(line.call is None for line in found.lines)


def test_leaks_and_labels_are_mentioned_only_where_they_can_be():
    plain = [line.text for line in summary_of(case_of([{}, {}])).lines]
    assert not any("leak" in text or "label" in text for text in plain)
    rows = [{"split": "train", "label": "a"}, {"split": "val"}]
    both = [line.text for line in summary_of(case_of(rows)).lines]
    assert {"No leaks found.", "No suspected wrong labels found."} <= set(both)


def test_thousands_are_separated_and_one_is_singular():
    rows = [{"digest": "a", "path": f"{i:04}"} for i in range(1500)] + [{"path": "other"}]
    texts = [line.text for line in summary_of(case_of(rows)).lines]
    assert "1,500 exact duplicates in 1 group; 1,499 images (99.9%) could go" in texts
    assert "1 dark image (0.1%)" in texts


@given(plans())
def test_counts_are_plain_and_add_up(plan):
    case = plan.build()
    counts = summary_of(case).counts
    assert json.loads(json.dumps(counts)) == counts
    assert counts["valid"] + sum(row["images"] for row in counts["invalid"]) == counts["images"]
    kinds = sum(counts[f"{kind}_duplicates"] for kind in ("exact", "pixel", "near"))
    assert kinds == counts["removable"] + counts["duplicate_groups"]
    splits = case.images["split"].drop_nulls().n_unique()
    assert (counts["leaks"] is None) == (splits < 2)
    assert sum(row["images"] for row in counts["leaks"] or []) == case.leaks().height
    assert (counts["mislabels"] is None) == (case.images["label"].count() == 0)
    assert counts["largest_component"] == (case.connected_components()["size"].max() or 0)


def test_of_many_split_pairs_the_first_have_a_line():
    rows = [{"split": f"s{i:02}", "digest": "a"} for i in range(40)]
    found = summary_of(case_of(rows)).lines
    texts = [line.text for line in found if line.call == "audit.leaks()"]
    assert len(texts) == 10
    assert "Leaks between 770 more pairs of splits" in [line.text for line in found]


def test_summary_lists_every_split_pair():
    rows = [{"split": s, "digest": "a"} for s in ("train", "val", "test")]
    texts = [line.text for line in summary_of(case_of(rows)).lines if line.call == "audit.leaks()"]
    assert texts == [
        "1 image of test is also in train: 1 exact",
        "1 image of val is also in train: 1 exact",
        "1 image of test is also in val: 1 exact",
    ]


def test_videos_are_mentioned_only_where_there_are_any():
    case = case_of([{}, {}])
    row = dict.fromkeys(schema.SCHEMAS["duplicate_videos"])
    kinds = [("a", "b", "video"), ("a", "b", "part"), ("a", "c", "part")]
    rows = [row | {"video_from": a, "video_to": b, "kind": kind} for a, b, kind in kinds]
    found = pl.DataFrame(rows, schema=schema.SCHEMAS["duplicate_videos"])
    assert summary_of(case).counts["duplicate_videos"] is None
    said = [str(line) for line in summary_of(case, videos=found).lines]
    expected = "2 pairs of videos with matching frames: 1 the same, 1 sharing a part"
    assert f"{expected} → audit.duplicate_videos()" in said
    none = [str(line) for line in summary_of(case, videos=found.clear()).lines]
    assert "No duplicate videos found." in none
