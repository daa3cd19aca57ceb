"""What a screen found, in a sentence and in rows, and the lights beside it: on tables that are known."""

import itertools

import numpy as np
import pandas as pd
import pytest
from marginalization.config.sections import Config
from marginalization.statistics.resolution import Resolution
from marginalization.view.findings import answer, factor, findings, groups_of
from marginalization.view.quantities import number, signed
from marginalization.view.report.overview import lights
from marginalization.view.report.overview.labels import FONT, HEIGHT, LETTER, WIDTHS, labels
from screens import resolved

SPEC = {"level": 0.05, "per": "element"}
ALONE = Resolution(100, 2000, SPEC)
TOGETHER = Resolution(100, 30, SPEC)
NEVER = Resolution(3, 9, SPEC)


def cluster(name, effect, q, n=1, ids=None):
    ids = ids or [f"{name} {i}" for i in range(n)]
    verdict = None if q is None else q < 0.05
    return {
        **{"motif": name, "element_id": ids[0], "strand": "+", "start": 5, "effect_mean": effect},
        **{
            "direction": "lowers" if effect < 0 else "raises",
            "effect_ci_low": effect - 1,
            "effect_ci_high": effect + 1,
        },
        **{"element_q": q, "n_motifs": n, "n_significant": n if verdict else 0, "significant": verdict},
        "member_ids": ids,
    }


def site(element_id, effect, q, rank):
    return {
        **{"element_id": element_id, "strand": "+", "start": 5, "effect_mean": effect, "effect_ci_low": effect},
        **{"effect_ci_high": effect, "element_q": q, "rank": rank, "significant": None if q is None else q < 0.05},
    }


NO_ROWS, NO_SITES = pd.DataFrame([site("x", 0.0, 1.0, 1)]), pd.DataFrame({"name": [], "element_id": []})
ACTING = [
    cluster("MA0138.3 REST", -3.0, 0.001),
    cluster("MA0001.1 GATA1;GATA", 1.0, 0.04, 3),
    cluster("MA1930.2 CTCF", 2.0, 0.001, 2),
    cluster("MYC", 9.0, 0.5),
]


def said(clusters, resolution, rows=NO_ROWS, sites=NO_SITES):
    return answer(findings(rows, pd.DataFrame(clusters), sites, 0.0), 0.0, resolution)


@pytest.mark.parametrize(
    ("clusters", "resolution", "words"),
    [
        (
            ACTING,
            ALONE,
            "Raise: CTCF, GATA1. Lower: REST. 3 of 4 clusters of like motifs act; this screen could find a single one.",
        ),
        (ACTING[:1], ALONE, "Lower: REST. The one motif acts; this screen could find a single one."),
        (
            [cluster("a", 1.0, 0.2), cluster("b", 1.0, 0.3)],
            TOGETHER,
            "None of 2 motifs acts; this screen could find 65 or more sequences that act together, not fewer.",
        ),
        (
            [cluster("a", 1.0, 0.2)],
            NEVER,
            "The one motif does no more than its shuffles; this screen could find none: set controls.shuffles to "
            f"{NEVER.shuffles} or more.",
        ),
        (
            [cluster("a", -1.0, None), cluster("b", 2.0, None)],
            None,
            "Raise: b. Lower: a. 2 motifs, without controls to judge by.",
        ),
        ([], ALONE, "Nothing but arrangements was screened."),
    ],
)
def test_the_sentence(clusters, resolution, words):
    assert said(clusters, resolution) == words


def test_a_sentence_names_no_more_than_eight():
    many = [cluster(f"f{i}", 20.0 - i, 0.01) for i in range(11)]
    assert said(many, ALONE).startswith("Raise: f0, f1, f2, f3, f4, f5, f6, f7 and 3 more. 11 of 11 motifs act;")
    assert said([{**row, "significant": None, "element_q": None} for row in many], None).startswith(
        "Raise: f0, f1, f2 and 8 more. 11 motifs"
    )


def test_annotations_are_told_by_name():
    rows = pd.DataFrame(
        [
            site("a", 1.0, 0.01, 3),
            site("a", -1.5, 0.01, 2),
            site("b", 2.0, 0.01, 1),
            site("c", 5.0, 0.9, 4),
            site("d", 0.5, 0.04, 9),
        ]
    )
    pairs = [("REST", "a"), ("CTCF", "b"), ("CTCF", "c"), ("CTCF", "b"), ("none", "c"), ("CTCF", "d")]
    sites = pd.DataFrame(pairs, columns=["name", "element_id"])
    found = findings(rows, pd.DataFrame(), sites, 0.0)
    table = found.set_index("name")
    assert table.loc["CTCF", ["n", "n_significant", "effect_mean", "direction"]].tolist() == [3, 2, 2.0, "raises"]
    assert table.loc["CTCF", "members"] == ["b", "d", "c"]
    assert table.loc["REST", ["n", "effect_mean", "direction"]].tolist() == [1, -1.5, "lowers"]
    assert table["significant"].tolist() == [True, True, False]
    assert answer(found, 0.0, ALONE) == "Of annotations CTCF raises, REST lowers. 2 of 3 names act."
    both = findings(rows, pd.DataFrame(ACTING), sites, 0.0)
    assert answer(both, 0.0, ALONE).endswith("a single one. Of annotations CTCF raises, REST lowers. 2 of 3 names act.")
    assert groups_of(both)["b"] == (len(ACTING) + 0 if both["name"].iloc[len(ACTING)] == "CTCF" else len(ACTING) + 1, 3)


def test_a_screen_of_an_earlier_version_has_no_ids_of_members():
    table = pd.DataFrame(ACTING).drop(columns="member_ids")
    found = findings(NO_ROWS, table, NO_SITES, 0.0)
    assert found["members"].tolist() == [[row["element_id"]] for row in ACTING]


def test_what_a_person_calls_a_motif():
    assert [factor(name) for name in ("MA1930.2 CTCF", "MA0139.2 CTCF;CTCF", "MAX", "a;b", "MA0140.3 GATA1::TAL1")] == [
        *("CTCF", "CTCF", "MAX", "a", "GATA1::TAL1"),
    ]


@pytest.mark.parametrize(
    ("x", "words"),
    [
        *((1556.3, "+1,560"), (0.0672345, "+0.0672"), (-1.2160, "-1.22"), (0.0, "0"), (1.0, "+1"), (-999.96, "-1,000")),
        *((6.7e-5, "+6.7e-05"), (1234567.0, "+1,230,000"), (0.99996, "+1"), (float("inf"), "+inf"), (-5e-80, "-5e-80")),
    ],
)
def test_numbers_as_people_read_them(x, words):
    assert signed(x) == words
    assert number(abs(x)) == words.lstrip("+-")


def boxes(placed, width, spans):
    for row in placed:
        if row["least"] == width:
            left = (row["x"] - spans[0][0]) / np.ptp(spans[0]) * width + row["dx"]
            middle = HEIGHT - (row["y"] - spans[1][0]) / np.ptp(spans[1]) * HEIGHT + row["dy"]
            size = LETTER * len(row["label"])
            start = left - {"left": 0, "center": size / 2, "right": size}[row["align"]]
            yield start, middle - FONT / 2, start + size, middle + FONT / 2


def test_names_beside_points_never_overlap():
    rng = np.random.default_rng(0)
    points = [{"x": x, "y": y} for x, y in zip(rng.normal(size=500), rng.exponential(size=500), strict=True)]
    named = [{**point, "label": f"FACTOR{i}"} for i, point in enumerate(points[:40])]
    placed = labels(points, "x", "y", named)
    spans = [(min(0, *own), max(0, *own)) for own in ([point[field] for point in points] for field in "xy")]
    counts = []
    for width in WIDTHS:
        found = list(boxes(placed, width, spans))
        counts.append(len(found))
        for a, b in itertools.combinations(found, 2):
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert all(box[2] <= width for box in found)
    assert counts == sorted(counts)
    assert counts[-1] > 12
    assert {row["label"] for row in placed} <= {point["label"] for point in named}
    assert labels(points, "x", "y", []) == []
    assert labels([{"x": 0.0, "y": 0.0}], "x", "y", [{"x": 0.0, "y": 0.0, "label": "one"}])


class View:
    """Of what is kept of a view, what lights look at."""

    def __init__(self, rest=0.5, judged=(100, 2000)):
        self.rest, self.judged = rest, judged


class Screen:
    """Of a screen that was read, what lights look at."""

    def __init__(self, views, controls=True, groups=None, places=None):
        sections = {"elements": {"motifs": [], **({"controls": {"shuffles": 20}} if controls else {})}}
        models = {name: {"factory": "screens:Tracks"} for name in ("one", "two")}
        self.config = Config.of(resolved(models=models, groups=groups or {}, **sections))
        self.views, self.places = views, places


QUALITY = {"backgrounds": {"kept": 20}, "gc": [0.4, 0.5], "unknown": 0, "warnings": []}
WHOLE, SHORT = {"incremental": False, "reason": "x"}, {"incremental": True, "largest_difference": 1.3e-5}


def light(of, screen, records=(SHORT,), **quality):
    found = {row["of"]: row for row in lights.lights(screen, {**QUALITY, **quality}, list(records))}
    return found[of]["state"], found[of]["word"]


def test_the_light_of_the_null():
    assert light("Null", Screen([View()])) == ("good", "what does not act does as its shuffles do")
    assert light("Null", Screen([View(0.1)])) == ("look", "p-values of what does not act crowd near 0")
    few = Screen([View()] * 17 + [View(0.9)] * 3)
    assert light("Null", few) == ("look", "p-values of what does not act crowd near 1 on 3 of 20 targets")
    assert light("Null", Screen([View()] * 19 + [View(0.9)]))[0] == "good"
    assert light("Null", Screen([View(None)])) == ("none", "too few elements to tell")
    assert light("Null", Screen([View(None, (0, 0))], controls=False)) == ("none", "no controls, no verdicts")


def test_the_light_of_the_resolution():
    assert light("Resolution", Screen([View()])) == ("good", "could find a single one")
    assert light("Resolution", Screen([View(judged=(100, 30)), View()]))[0] == "look"
    assert light("Resolution", Screen([View(judged=(3, 9))])) == (
        "bad",
        "could find none: set controls.shuffles to 20 or more",
    )


def test_the_lights_of_backgrounds_shortcuts_and_logs():
    screen = Screen([View()])
    assert light("Backgrounds", screen) == ("good", "20, GC 40% to 50%")
    assert light("Backgrounds", screen, unknown=7) == ("look", "20, with 7 letters N")
    assert light("Backgrounds", screen, backgrounds={"kept": 3})[0] == "look"
    assert light("Shortcut", screen) == ("good", "within 1.3e-05 of an effect of full passes")
    assert light("Shortcut", screen, [WHOLE]) == ("none", "none taken: full forward passes")
    assert light("Shortcut", screen, [WHOLE, SHORT, {"incremental": True, "largest_difference": 0.01}])[0] == "look"
    assert light("Logs", screen) == ("good", "no warnings")
    assert light("Logs", screen, warnings=["a", "b"]) == ("look", "2 warnings")


def test_the_light_of_models():
    rows = [("both", 2, 2, True), ("both", 1, 2, True), ("both", 1, 2, False), ("one", 1, 1, True)]
    places = pd.DataFrame(rows, columns=["model", "n_models_agree", "n_models", "significant"])
    places = places.astype({"significant": "boolean"})
    assert light("Models", Screen([View()])) == ("none", "2 models, no group: see Compare")
    groups = {"both": ["one", "two"]}
    assert light("Models", Screen([View()], groups=groups, places=places)) == (
        "look",
        "all agree on the sign of 50% of what acts",
    )
    assert light("Models", Screen([View()], groups=groups, places=places.iloc[[0, 3]]))[0] == "good"
    assert light("Models", Screen([View()], groups=groups, places=places.iloc[[2]]))[0] == "none"
