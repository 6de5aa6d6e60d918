"""The charts of the report as Vega-Lite specifications: pure functions of the counts of tallies.py.

The page draws them with the Vega-Lite of vl-convert. The colours of text and grid follow its light or dark scheme.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from emodal_data.dataset.carried import PREFIX
from emodal_data.presentation.report.colours import class_colours
from emodal_data.presentation.report.tallies import Measure, Row

Spec = dict[str, Any]

#: Names of data: all clips; and what the page replaces: those that pass its filters, and the feature that is chosen.
ALL, LEFT, CHOSEN = "all", "left", "marks"
#: Opacity of the bars of all clips, behind those that pass the filters.
_PALE: Final = 0.32
#: A range that is chosen in a histogram by drawing over it.
_BRUSH: Final = {
    "name": "brush",
    "select": {
        "type": "interval",
        "encodings": ["x"],
        "mark": {"fill": "#808a94", "fillOpacity": 0.2, "stroke": "#808a94", "cursor": "move"},
    },
}

# Each has a contrast of at least 3:1 on white and on near-black.
KEPT, LOST, LIMIT = "#3d7ea6", "#c2621b", "#c0392b"
SPLIT_COLOURS = {"train": KEPT, "validation": "#2f8f7a", "test": LOST, "unlabelled": "#8f6bb3"}
#: The units that are held out, those that leak first.
WAYS = {
    "augment_then_split": "samples, augmented first",
    "clip": "clips",
    "film": "films",
    "speaker": "speakers",
    "person": "persons",
}
_OUTCOMES = {"kept": KEPT, "dropped": LOST}


def funnel_figure(stages: Sequence[Row]) -> Spec:
    """Rows left after each stage, and rows dropped at it."""
    rows = [
        {"stage": row["stage"], "rows": row[count], "outcome": outcome, "why": _why(row["reasons"])}
        for row in stages
        for outcome, count in (("left", "left"), ("dropped", "lost"))
    ]
    y = _nominal("stage", [row["stage"] for row in stages])
    bars = {
        "mark": {"type": "bar", "height": {"band": 0.75}},
        "encoding": {
            "y": y,
            "x": _quantity("rows", "annotation rows"),
            "color": _colour("outcome", {"left": KEPT, "dropped": LOST}),
            "order": {"field": "outcome", "sort": "descending"},
            "tooltip": [{"field": name} for name in ("stage", "outcome", "rows", "why")],
        },
    }
    numbers = {
        "transform": [{"filter": "datum.outcome == 'left'"}],
        "mark": {"type": "text", "align": "left", "dx": 6, "color": "#fff"},
        "encoding": {"y": y, "x": {"datum": 0}, "text": {"field": "rows"}},
    }
    description = "Annotation rows left after each stage of the build, and rows dropped at it"
    return _chart(description, rows, height=30 * len(stages), layer=[bars, numbers])


def films_figure(films: Sequence[Row]) -> Spec:
    """Rows of each film: kept, and dropped at each stage."""
    stages = list(films[0]["lost"]) if films else []
    rows = [
        {"film": film["film"], "outcome": name, "rows": count}
        for film in films
        for name, count in (("kept", film["kept"]), *((f"dropped: {s}", n) for s, n in film["lost"].items()))
        if count
    ]
    shades = ["#7a4b9a", "#a3527c", "#8a6d1d", "#c2621b", "#5c8a3a", "#6f7f8c"]
    colours = {"kept": KEPT} | {f"dropped: {stage}": shades[n % 6] for n, stage in enumerate(stages)}
    seen = {row["outcome"] for row in rows}
    return _by_film(
        "Annotation rows of each film, kept and dropped at each stage",
        rows,
        "rows",
        "annotation rows",
        "outcome",
        {name: colour for name, colour in colours.items() if name in seen},
    )


def film_classes_figure(films: Sequence[Row], labels: Sequence[str]) -> Spec:
    """Kept clips of each film by class."""
    rows = [
        {"film": film["film"], "label": label, "clips": count}
        for film in films
        for label, count in film["classes"].items()
        if count
    ]
    return _in_front_of_all(
        _by_film("Kept clips of each film by class", rows, "clips", "clips", "label", class_colours(labels))
    )


def classes_figure(classes: Sequence[Row], labels: Sequence[str]) -> Spec:
    """Kept clips by class and split."""
    chart = _chart(
        "Kept clips of each class by split",
        list(classes),
        mark={"type": "bar", "height": {"band": 0.75}},
        height=30 * len({row["label"] for row in classes}),
        encoding={
            "y": _nominal("label", [*labels, "unlabelled"]),
            "x": _quantity("clips", "clips"),
            "color": _colour("split", SPLIT_COLOURS),
            "order": {"field": "split", "sort": "descending"},
            "tooltip": [{"field": name} for name in ("label", "split", "clips")],
        },
    )
    return _in_front_of_all(chart)


def measure_figure(measure: Measure, rows: Sequence[Row], edges: Sequence[float]) -> Spec:
    """Histogram of a measure, dropped clips on top of kept ones, with the thresholds as lines.

    A range can be chosen in it. edges: of its bins.
    """
    scale = {"type": "log", "nice": False} if measure.is_log else {"nice": False, "zero": False}
    axis = {"tickCount": 5, "labelOverlap": True, "grid": False}
    x = {"field": "low", "type": "quantitative", "title": None, "scale": scale, "axis": axis}
    y = {"field": "from", "type": "quantitative", "title": None, "axis": {"tickCount": 3, "tickMinStep": 1}}
    bars = {
        "data": {"values": list(rows)},
        "transform": [
            {
                "stack": "clips",
                "groupby": ["low"],
                "sort": [{"field": "outcome", "order": "descending"}],
                "as": ["from", "to"],
            }
        ],
        "mark": {"type": "rect"},
        "encoding": {
            "x": x,
            "x2": {"field": "high"},
            "y": y,
            "y2": {"field": "to"},
            "color": _colour("outcome", _OUTCOMES) | {"legend": None},
            "tooltip": [
                {"field": "low", "format": ".4~g", "title": "from"},
                {"field": "high", "format": ".4~g", "title": "to"},
                {"field": "outcome"},
                {"field": "clips"},
            ],
        },
    }
    rules = {
        "data": {"values": [{"low": limit} for limit in measure.limits]},
        "mark": {"type": "rule", "color": LIMIT, "strokeWidth": 2, "strokeDash": [5, 3]},
        "encoding": {"x": x, "tooltip": [{"field": "low", "title": "threshold"}]},
    }
    limits = " and ".join(f"{limit:g}" for limit in measure.limits)
    description = f"{measure.title}: kept and dropped clips" + (f"; threshold {limits}" if limits else "")
    chart = _in_front_of_all(_base(description) | {"height": 90} | bars, measure.column, edges)
    return chart | {"layer": [*chart["layer"], rules]} if limits else chart


def feature_figure(features: Sequence[Row], labels: Sequence[str]) -> Spec:
    """Box plots of the first feature by class; the page replaces the data `marks` to show another feature."""
    names = ("p5", "p25", "p50", "p75", "p95")
    first = features[0]["classes"] if features else {}
    rows = [{"label": label, **dict(zip(names, marks, strict=True))} for label, marks in first.items()]
    y = _nominal("label", list(labels))
    x = {"type": "quantitative", "title": None, "scale": {"zero": False}}
    colour = _colour("label", {label: class_colours(labels)[label] for label in labels}) | {"legend": None}
    tooltip = [{"field": "label"}, *({"field": name, "format": ".4~g"} for name in names)]
    shared = {"y": y, "color": colour, "tooltip": tooltip}
    return _base("Speech feature by class: median, quartiles, and the range of 90 % of the clips") | {
        "data": {"name": CHOSEN, "values": rows},
        "height": 34 * len(labels),
        "layer": [
            {"mark": "rule", "encoding": {**shared, "x": x | {"field": "p5"}, "x2": {"field": "p95"}}},
            {
                "mark": {"type": "bar", "height": {"band": 0.55}},
                "encoding": {**shared, "x": x | {"field": "p25"}, "x2": {"field": "p75"}},
            },
            {
                "mark": {"type": "tick", "color": "#fff", "thickness": 3, "height": {"band": 0.55}},
                "encoding": {"y": y, "tooltip": tooltip, "x": x | {"field": "p50"}},
            },
        ],
    }


def column_figure(name: str, column: Mapping[str, Any]) -> Spec:
    """Clips by the value of a carried column: a histogram of numbers, or the most frequent texts."""
    if "bins" in column:
        axis = {"title": None, "scale": {"nice": False, "zero": False}}
        encoding = {
            "x": {"field": "low", "type": "quantitative", **axis},
            "x2": {"field": "high"},
            "y": _quantity("clips", "clips"),
            "tooltip": [{"field": field} for field in ("low", "high", "clips")],
        }
        bars, edges = column["bins"], [*(row["low"] for row in column["bins"]), column["bins"][-1]["high"]]
        encoding["y2"] = {"datum": 0}
        chart = _chart(
            f"Clips by {name}", bars, mark={"type": "rect", "color": KEPT}, height=120, encoding=encoding
        )
        return _in_front_of_all(chart, PREFIX + name, edges)
    rows = [{"value": value, "clips": clips} for value, clips in column.get("most_frequent", {}).items()]
    chart = _chart(
        f"Clips by the most frequent values of {name}",
        rows,
        mark={"type": "bar", "color": KEPT, "height": {"band": 0.75}},
        height=24 * max(len(rows), 1),
        encoding={
            "y": _nominal("value", [row["value"] for row in rows]),
            "x": _quantity("clips", "clips"),
            "tooltip": [{"field": field} for field in ("value", "clips")],
        },
    )
    return _in_front_of_all(chart, PREFIX + name)


def leak_price_figure(price: Mapping[str, Any]) -> Spec:
    """Accuracy of each model for each held-out unit, and the share of the most frequent class."""
    rows = [
        {"held out": WAYS.get(way, way), "model": model.replace("_", " "), "accuracy": share}
        for way, scores in price["accuracy"].items()
        for model, share in (scores or {}).items()
    ]
    models = {"nearest neighbour": LOST, "logistic regression": KEPT}
    x = {"field": "accuracy", "type": "quantitative", "title": "accuracy", "scale": {"domain": [0, 1]}}
    bars = {
        "mark": {"type": "bar"},
        "encoding": {
            "y": _nominal("held out", list(WAYS.values())),
            "yOffset": {"field": "model", "sort": list(models)},
            "x": x | {"axis": {"format": "%"}},
            "color": _colour("model", models),
            "tooltip": [
                *({"field": name} for name in ("held out", "model")),
                {"field": "accuracy", "format": ".1%"},
            ],
        },
    }
    rule = {
        "data": {"values": [{"accuracy": price["majority"]}]},
        "mark": {"type": "rule", "strokeDash": [5, 3], "strokeWidth": 2, "color": LIMIT},
        "encoding": {
            "x": x,
            "tooltip": [{"field": "accuracy", "title": "most frequent class", "format": ".1%"}],
        },
    }
    height = 44 * len({row["held out"] for row in rows})
    description = "Accuracy on held-out samples, by the unit that is held out"
    return _chart(description, rows, height=height, layer=[bars, rule])


def _base(description: str) -> Spec:
    return {"description": description, "width": "container"}


def _chart(description: str, rows: Sequence[Row], **rest: Any) -> Spec:
    return _base(description) | {"data": {"values": list(rows)}} | rest


def _in_front_of_all(chart: Spec, column: str = "", edges: Sequence[float] = ()) -> Spec:
    """A chart of clips in two layers: all of them pale, and in front those that pass the filters of the page.

    column: of the clips that it shows, if one. edges: of the bins of a histogram, in which a range can be chosen then.
    """
    own = ("data", "transform", "mark", "encoding")
    layer = {name: chart[name] for name in own if name in chart}
    front = layer | {"data": layer["data"] | {"name": LEFT}}
    bare = {name: value for name, value in layer["encoding"].items() if name != "tooltip"}
    pale = {
        **layer,
        "data": layer["data"] | {"name": ALL},  # without a name it would be taken for the same data
        "mark": layer["mark"] | {"opacity": _PALE},
        "encoding": bare,
    }
    about = {"usermeta": {"column": column, "edges": list(edges)}} if column else {}
    brush = {"params": [_BRUSH]} if edges else {}
    return (
        {name: value for name, value in chart.items() if name not in own}
        | about
        | {"layer": [pale, front | brush]}
    )


def _by_film(
    description: str, rows: Sequence[Row], count: str, title: str, split: str, colours: dict[str, str]
) -> Spec:
    return _chart(
        description,
        rows,
        mark={"type": "bar", "height": {"band": 0.8}, "cursor": "pointer"},
        height=22 * len({row["film"] for row in rows}),
        encoding={
            "y": {"field": "film", "type": "nominal", "title": None},
            "x": _quantity(count, title),
            "color": _colour(split, colours),
            "tooltip": [{"field": name} for name in ("film", split, count)],
        },
    )


def _nominal(field: str, order: Sequence[str]) -> Spec:
    return {"field": field, "type": "nominal", "title": None, "sort": list(order)}


def _quantity(field: str, title: str) -> Spec:
    axis = {"format": "d", "tickMinStep": 1}
    return {"field": field, "type": "quantitative", "title": title, "stack": "zero", "axis": axis}


def _colour(field: str, colours: dict[str, str]) -> Spec:
    scale = {"domain": list(colours), "range": list(colours.values())}
    return {
        "field": field,
        "type": "nominal",
        "title": None,
        "scale": scale,
        "legend": {"orient": "top", "symbolOpacity": 1},
    }


def _why(reasons: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in reasons.items()) or "nothing"
