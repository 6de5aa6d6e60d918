"""Metrics as text: the poster's two tables, in per cent. Imports are light, so a finished training prints quickly."""

import textwrap
from collections.abc import Mapping
from typing import Any, Final

#: With fewer test clips than this, a table says how large a difference must be.
FEW_TEST_CLIPS = 100
#: A difference with a larger p-value may be chance.
SIGNIFICANT = 0.05

#: Rows of the first table: the poster's, then EMODal with one modality missing, then baselines.
TITLES: Final[Mapping[str, str]] = {
    "audio": "audio",
    "audio_recurrent": "audio, recurrent",
    "image": "image",
    "emodal": "audio+image (EMODal)",
    "emodal_audio": "EMODal, face missing",
    "emodal_image": "EMODal, sound missing",
    "decision_fusion": "mean of audio and image",
    "audio_svm": "audio, linear SVM",
    "image_svm": "image, linear SVM",
    "audio_logistic": "audio, PCA+logistic",
    "image_logistic": "image, PCA+logistic",
    "early_fusion": "early fusion, logistic",
    "late_fusion": "late fusion, logistic",
    "chance": "chance",
    "majority": "always the commonest",
    "mean": "mean of training",
}

#: The networks that are trained, in the order of TITLES; the last one of a run is its main network.
TRAINED: Final = ("audio", "audio_recurrent", "image", "emodal")

#: Columns of a line of text.
_MOST_COLUMNS = 100
#: Repeats that are shown one by one: a line has room for this many.
_MOST_REPEATS = 5


def format_report(metrics: Mapping[str, Any]) -> str:
    """The poster's two tables as text, at most 100 columns. metrics: train()'s, or Evaluation.as_dict()."""
    networks: Mapping[str, Mapping[str, Any]] = metrics["networks"]
    folds = metrics.get("pooled")
    lines = (
        [*_fold_lines(folds), "", "test split", *_score_lines(metrics)] if folds else _score_lines(metrics)
    )
    if metrics.get("repeats"):
        lines += ["", *_repeat_lines(metrics["repeats"])]
    if not folds:
        for name in TRAINED:
            if name in networks:
                lines += ["", *_confusion_lines(TITLES[name], networks[name])]
    if metrics.get("suspects"):
        lines += ["", *_suspect_lines(metrics["suspects"])]
    if folds and not folds["networks"]:
        lines += ["", "note: suspect labels are found among classes, and there are none"]
    if metrics.get("h_score") is not None:
        lines += ["", f"H-score of the two codes on the test split: {metrics['h_score']:.3f}"]
    for name, reason in metrics.get("left_out", {}).items():
        lines += ["", f"note: without {TITLES[name]}: {reason}"]
    note = metrics.get("validation", {}).get("note")
    if note:
        lines += ["", f"note: {note}"]
    lines += [line for note in metrics.get("notes", []) for line in ("", f"note: {note}")]
    missing = list(dict.fromkeys(c for s in networks.values() for c, r in s["recall"].items() if r is None))
    if missing:
        names = ", ".join(missing)
        lines += ["", f"note: no test clip is {names}, so UAR and macro-F1 are not defined"]
    return "\n".join([*lines, *_verdict_lines(folds or metrics)])


def _verdict_lines(evaluation: Mapping[str, Any]) -> list[str]:
    """How good the main network is, and whether it is better than the others, in sentences; none without test clips."""
    networks = evaluation["networks"]
    name = next((name for name in reversed(TRAINED) if networks.get(name, {}).get("n")), None)
    if name is None:
        return []
    scores, majority = networks[name], evaluation.get("reference", {}).get("majority")
    low, high = scores["accuracy_interval"]
    lines = [
        "",
        f"verdict: {TITLES[name]} is right on {100 * scores['accuracy']:.1f} % of {scores['n']} clips "
        f"(95 % interval {100 * low:.1f} to {100 * high:.1f})",
    ]
    if majority:
        lines.append(f"the commonest class alone is right on {100 * majority['accuracy']:.1f} %")
    for other in TRAINED:
        p = networks.get(other, {}).get("p_against_emodal")
        if p is not None:
            more = 100 * (scores["accuracy"] - networks[other]["accuracy"])
            than = f"{abs(more):.1f} points {'more' if more >= 0 else 'fewer'} than {TITLES[other]}"
            chance = "" if p < SIGNIFICANT else ", which may be chance"
            lines.append(f"{than}{chance} (p {'' if p < 0.001 else '= '}{_p(p)})")
    return lines


def _fold_lines(folds: Mapping[str, Any]) -> list[str]:
    """The table and confusion matrices of the clips of all folds."""
    lines = [
        f"all {len(folds['keys'])} folds together: each clip is judged once, by networks that saw no clip of its group",
        *_score_lines(folds),
    ]
    for name in TRAINED:
        if name in folds["networks"]:
            lines += ["", *_confusion_lines(TITLES[name], folds["networks"][name])]
    return lines


def _suspect_lines(suspects: Mapping[str, Any]) -> list[str]:
    """How many labels the networks confidently disagree with, in all and by class, and where they are."""
    per_class = [f"{name} {n['suspects']} of {n['clips']}" for name, n in suspects["per_class"].items()]
    return [
        f"{suspects['suspects']} of {suspects['clips']} labels are suspect: see folds/suspects.csv",
        *textwrap.wrap("by label: " + ", ".join(per_class), _MOST_COLUMNS),
    ]


def _score_lines(evaluation: Mapping[str, Any]) -> list[str]:
    """A line for each network, for chance and for the commonest class; and what can be told from so many clips."""
    networks: Mapping[str, Mapping[str, Any]] = evaluation["networks"]
    lines: list[str] = []
    if networks or not evaluation.get("targets"):
        lines.append(
            f"{'':24}{'clips':>7}{'accuracy %':>12}{'95 % interval':>15}"
            f"{'UAR %':>9}{'macro-F1 %':>12}{'ECE %':>8}{'p':>8}"
        )
    for name, scores in [*networks.items(), *evaluation.get("reference", {}).items()]:
        interval = scores["accuracy_interval"]
        between = "-" if interval is None else f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f}"
        lines.append(
            f"{TITLES.get(name, name):24}{scores['n']:>7}{_percent(scores['accuracy']):>12}{between:>15}"
            f"{_percent(scores['uar']):>9}{_percent(scores['macro_f1']):>12}{_percent(scores.get('ece')):>8}"
            f"{_p(scores.get('p_against_emodal')):>8}"
        )
    if any(scores.get("p_against_emodal") is not None for scores in networks.values()):
        lines.append(
            "p: probability of a difference from EMODal this large on the same clips (exact McNemar test)"
        )
    for target, rows in evaluation.get("targets", {}).items():
        lines += ([""] if lines else []) + _target_lines(target, rows)
    least = power_note(evaluation)
    if least:
        lines.append(least)
    return lines


def _target_lines(target: str, rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The scores of a numeric target, a line for each network."""
    lines = [
        f"{target[:24]:24}{'clips':>7}{'CCC':>9}{'95 % interval':>18}{'RMSE':>12}{'95 % interval':>22}",
    ]
    for name, scores in rows.items():
        lines.append(
            f"{TITLES.get(name, name):24}{scores['n']:>7}{_number(scores['ccc']):>9}"
            f"{_between(scores['ccc_interval']):>18}{_number(scores['rmse']):>12}"
            f"{_between(scores['rmse_interval']):>22}"
        )
    lines.append(
        "CCC: concordance correlation with the truth; RMSE: in units of the target; intervals by bootstrap"
    )
    return lines


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _between(interval: list[float] | None) -> str:
    return "-" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"


def power_note(evaluation: Mapping[str, Any]) -> str:
    """What differences few test clips can show at all, in a sentence; empty for many clips."""
    clips = max([scores["n"] for scores in evaluation["networks"].values()], default=0)
    least = evaluation.get("smallest_difference")
    if not 0 < clips < FEW_TEST_CLIPS or "smallest_difference" not in evaluation:
        return ""
    if least is None:
        return f"{clips} test clips are too few to tell any difference from chance (exact McNemar test)"
    return (
        f"{clips} test clips: a difference below {100 * least:.1f} points "
        "cannot be told from chance (exact McNemar test)"
    )


def _repeat_lines(repeats: Mapping[str, Any]) -> list[str]:
    """Accuracy, and CCC of targets, over seeds or folds: mean, sd, interval of the mean, test against EMODal, each."""
    over = f"over {len(repeats['keys'])} {repeats['by']}s"
    lines: list[str] = []
    if repeats["networks"]:
        lines += _spread_lines(
            f"accuracy % {over}", {**repeats["networks"], **repeats.get("reference", {})}, "accuracy"
        )
    for target, spreads in repeats.get("targets", {}).items():
        lines += ([""] if lines else []) + _spread_lines(f"CCC of {target} {over}", spreads, "ccc")
    lines.append(
        f"interval: of the mean over {repeats['by']}s; p: paired t-test against EMODal over {repeats['by']}s"
    )
    return lines


def _spread_lines(title: str, spreads: Mapping[str, Any], score: str) -> list[str]:
    """A line for each network. score: "accuracy", shown in per cent, or "ccc"."""
    shown, unit, digits = (_percent, 100, 1) if score == "accuracy" else (_number, 1, 2)
    lines = [title, f"{'':24}{'mean':>9}{'sd':>8}{'95 % interval':>15}{'p':>8}   each"]
    for name, spread in spreads.items():
        each = " ".join(shown(value) for value in spread[score][:_MOST_REPEATS])
        more = " ..." if len(spread[score]) > _MOST_REPEATS else ""
        interval = spread["interval"]
        between = "-"
        if interval is not None:
            low, high = (f"{unit * edge:.{digits}f}" for edge in interval)
            between = f"{low} to {high}"
        lines.append(
            f"{TITLES.get(name, name):24}{shown(spread['mean']):>9}{shown(spread['sd']):>8}"
            f"{between:>15}{_p(spread['p_against_emodal']):>8}   {each}{more}"
        )
    return lines


def _confusion_lines(title: str, scores: Mapping[str, Any]) -> list[str]:
    """The confusion matrix; if it is wider than a line, the recall and the commonest predictions of each class."""
    classes, counts = list(scores["recall"]), scores["confusion"]
    cell = max(10, 2 + max(map(len, classes)))
    if 24 + cell * len(classes) + 10 > _MOST_COLUMNS:
        return _commonest_lines(title, classes, counts)
    header = f"{'':24}" + "".join(f"{label:>{cell}}" for label in classes) + f"{'clips':>10}"
    lines = [f"{title}: % of each true class, predicted as", header]
    for label, row in zip(classes, counts, strict=True):
        total = sum(row)
        cells = "".join(f"{_percent(count / total if total else None):>{cell}}" for count in row)
        lines.append(f"{label:>24}{cells}{total:>10}")
    return lines


def _commonest_lines(title: str, classes: list[str], counts: list[list[int]]) -> list[str]:
    header = f"{'':24}{'recall %':>10}{'clips':>10}   most often predicted as, %"
    lines = [f"{title}: recall and commonest predictions of each true class", header]
    for number, (label, row) in enumerate(zip(classes, counts, strict=True)):
        total = sum(row)
        order = sorted(range(len(row)), key=lambda code: (-row[code], code))[:3]
        named = ", ".join(f"{classes[code]} {100 * row[code] / total:.0f}" for code in order if row[code])
        recall = _percent(row[number] / total if total else None)
        lines.append(f"{label:>24}{recall:>10}{total:>10}   {named}"[:_MOST_COLUMNS].rstrip())
    return lines


def _percent(fraction: float | None) -> str:
    return "-" if fraction is None else f"{100 * fraction:.2f}"


def _p(value: float | None) -> str:
    return "-" if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"
