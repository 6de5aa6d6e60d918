"""The report of a dataset: an HTML page that opens from disk and shows every clip, kept or dropped.

report/index.html     the page; its scripts and style are in report/app/
report/data/          the table of clips, the charts, sheets of faces, and scripts with frames and sounds
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from emodal_data.clips.store import find_places
from emodal_data.core.label_words import counted_classes
from emodal_data.dataset.carried import PREFIX
from emodal_data.dataset.manifest_check import dataset_config
from emodal_data.dataset.persons import PERSON
from emodal_data.dataset.split.notes import split_rule, split_warnings
from emodal_data.presentation.report import figures, tallies
from emodal_data.presentation.report.clip_table import clip_table, page_columns, read_ledger, rounded
from emodal_data.presentation.report.colours import class_colours
from emodal_data.presentation.report.command import build_command
from emodal_data.presentation.report.pictures import CLIPS_PER_SHEET, Sheet, script, write_pictures
from emodal_data.presentation.report.training import carry_training
from emodal_data.presentation.templates import render
from emodal_data.storage.files import write_bytes

_PAGE = Path(__file__).with_name("page")
#: The scripts of the page, in the order in which it loads them.
_SOURCES = (
    *(
        "app/vega.js",
        "app/loading.js",
        "data/table.js",
        "data/figures.js",
        "data/training.js",
        "app/clips.js",
        "app/place.js",
        "app/review.js",
    ),
    *(
        "app/columns.js",
        "app/rows.js",
        "app/sheet.js",
        "app/ranges.js",
        "app/filters.js",
        "app/tracks.js",
        "app/clip.js",
    ),
    *("app/persons.js", "app/counts.js", "app/figures.js", "app/page.js"),
)


def write_report(folder: Path, manifest: dict[str, Any], store: Path, before: Path | None = None) -> None:
    """Write report/ into a dataset folder, from its shards, its ledger, and the clip store.

    manifest: from manifest.make_manifest. store: folder of the clip store; clips that it lacks stay blank.
    before: a dataset whose report may have some of the images and scripts already.
    """
    settings = dataset_config(manifest)
    carried = manifest.get("columns", {})
    ledger = read_ledger(folder, list(carried))
    clips = clip_table(ledger, folder, manifest["labels"], settings.labels.resolve)
    shown = rounded(clips)
    measures = tallies.measures_of(settings.face, settings.audio)
    classes = counted_classes(manifest["labels"])
    counted = _count(folder, ledger, shown, measures, classes)

    page = folder / "report"
    places = find_places(store, manifest.get("ingest_key", ""), frozenset(clips.index))
    key = json.dumps([manifest.get("ingest_key"), manifest.get("versions")])
    data_before = before / "report" / "data" if before else None
    sheets = write_pictures(page / "data", clips, places, settings.report, key, data_before)
    table = {
        "columns": page_columns(shown, classes, {name: _is_number(name, manifest) for name in carried}),
        **_about(measures, sheets, manifest["labels"]),
        "carried": [
            {"column": PREFIX + name, "title": name, "is_number": _is_number(name, manifest)}
            for name in carried
        ],
        "dataset_hash": manifest["dataset_hash"],
    }
    write_bytes(page / "data" / "table.js", script("table", table))
    write_bytes(page / "data" / "figures.js", script("figures", _figures(counted, manifest)))
    carry_training(before, folder, clips.index)
    for path in sorted(_PAGE.glob("*.css")) + sorted(_PAGE.glob("*.js")):
        write_bytes(page / "app" / path.name, path.read_bytes())
    blank = len(clips) - len(places)
    html = _page(manifest=manifest, report=settings.report, blank=blank, clips=len(clips), **counted)
    write_bytes(page / "index.html", html.encode())


def _count(
    folder: Path,
    ledger: pd.DataFrame,
    clips: pd.DataFrame,
    measures: list[tallies.Measure],
    labels: Sequence[str],
) -> dict[str, Any]:
    single = {measure.column: tallies.single_value(clips, measure) for measure in measures}
    histograms = [
        (measure, tallies.histogram(clips, measure)) for measure in measures if single[measure.column] is None
    ]
    return {
        "funnel": tallies.funnel(ledger),
        "reasons": tallies.reason_rows(ledger, clips),
        "films": tallies.film_rows(ledger, clips, labels),
        "classes": tallies.class_rows(clips, labels),
        "histograms": [(measure, rows) for measure, rows in histograms if rows],
        "edges": {measure.column: tallies.bin_edges(clips, measure) for measure, rows in histograms if rows},
        "single": [(measure, value) for measure in measures if (value := single[measure.column]) is not None],
        "features": tallies.feature_rows(folder),
        "decisions": tallies.decision_rows(clips),
    }


def _figures(counted: dict[str, Any], manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Every chart by its name, and the features that a user can choose on the page."""
    labels, price = counted_classes(manifest["labels"]), manifest.get("leak_price")
    columns = enumerate(_described(manifest).items())
    return {
        "specs": {
            "funnel": figures.funnel_figure(counted["funnel"]),
            "films": figures.films_figure(counted["films"]),
            "classes": figures.classes_figure(counted["classes"], labels),
            "film-classes": figures.film_classes_figure(counted["films"], labels),
            **({"leak-price": figures.leak_price_figure(price)} if price else {}),
            "feature": figures.feature_figure(counted["features"], labels),
            **{
                f"measure-{m.column}": figures.measure_figure(m, rows, counted["edges"][m.column])
                for m, rows in counted["histograms"]
            },
            **{f"column-{n}": figures.column_figure(name, column) for n, (name, column) in columns},
        },
        "features": counted["features"],
    }


def _is_number(name: str, manifest: Mapping[str, Any]) -> bool:
    """Whether a carried column is a quantity: the number of a person is a name."""
    return name in _described(manifest) and manifest["columns"][name]["type"] in ("int64", "float")


def _described(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The carried columns that have charts: not the numbers of persons, who have a contact sheet."""
    columns: dict[str, Any] = manifest.get("columns", {})
    return {name: columns[name] for name in columns if name != PERSON or not _has_persons(manifest)}


def _has_persons(manifest: Mapping[str, Any]) -> bool:
    """Whether the persons were numbered: face.persons, and a face was found."""
    return bool(manifest["config"].get("face", {}).get("persons")) and PERSON in manifest.get("columns", {})


def _about(measures: list[tallies.Measure], sheets: Sequence[Sheet], labels: Sequence[str]) -> dict[str, Any]:
    """What the page needs to show the table: sheets in the order of the clips, titles, thresholds."""
    return {
        "clips_per_sheet": CLIPS_PER_SHEET,
        "sheets": [[sheet.name, sheet.stop - sheet.start] for sheet in sheets],
        "labels": list(labels),
        "colours": class_colours(counted_classes(labels)),
        "measures": [{"column": m.column, "title": m.title, "low": m.low, "high": m.high} for m in measures],
    }


def _page(**values: Any) -> str:
    proof = tallies.proof_rows(values["manifest"]["leak_proof"])
    named = {
        name: values["manifest"].get(name) or {} for name in ("counts", "agreement", "review", "leak_price")
    }
    return render(
        "report/page/index.html.j2",
        labels=values["manifest"]["labels"],
        counted_classes=counted_classes(values["manifest"]["labels"]),
        columns=_described(values["manifest"]),
        persons=_has_persons(values["manifest"]),
        ways=figures.WAYS,
        proof=proof,
        command=build_command(values["manifest"]["config"]),
        version=values["manifest"].get("versions", {}).get("emodal"),
        split_rule=split_rule(values["manifest"]),
        split_notes=split_warnings(values["manifest"]),
        sources=_SOURCES,
        **named,
        **values,
    )
