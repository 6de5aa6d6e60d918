"""The report in a real browser: opened from disk, filtered, listened to, decided about, by mouse, keys and reader."""

import csv
import shutil
from collections.abc import Iterator, Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from emodal_data.presentation.report.training import write_training

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
DRAWN = "body[data-drawn=all]"
#: Of the dataset's build, with the settings that are not the defaults.
COMMAND = (
    "emodal build --films FILMS --annotations ANNOTATIONS --out OUT "
    """--set face.persons=true --set 'shards.columns=["text", "heard"]'"""
)
#: Charts with text beyond their edge, and tables of the page that must be scrolled to be read.
CUT = """() => {
    const edge = (element) => element.getBoundingClientRect();
    const charts = [...document.querySelectorAll("[data-figure]")].filter((chart) =>
        [...chart.querySelectorAll("text")].some((text) => edge(text).width &&
            (edge(text).right > edge(chart).right + 1.5 || edge(text).left < edge(chart).left - 1.5)));
    const tables = [...document.querySelectorAll(".reasons")].filter((one) => one.scrollWidth > one.clientWidth);
    return [...charts.map((chart) => chart.dataset.figure), ...tables.map((one) => one.className)];
}"""


def opened(browser: "Browser", dataset: Path, **looks: Any) -> "Page":
    """The report; what the page complains of or asks for is noted on page.heard and page.asked."""
    page = browser.new_page(**({"viewport": WIDE} | looks))
    page.heard, page.asked = [], []  # type: ignore[attr-defined]
    page.on("console", lambda message: page.heard.append(message.text))  # type: ignore[attr-defined]
    page.on("pageerror", lambda error: page.heard.append(str(error)))  # type: ignore[attr-defined]
    page.on("request", lambda request: page.asked.append(request.url))  # type: ignore[attr-defined]
    page.goto((dataset / "report" / "index.html").as_uri())
    page.wait_for_selector("#sheet .cell")
    return page


@pytest.fixture(scope="module")
def loaded(browser: "Browser", reported: Path) -> "Page":
    return opened(browser, reported)


@pytest.fixture
def page(loaded: "Page") -> "Iterator[Page]":
    """The page as it was when it was opened; it must have nothing to complain of afterwards."""
    yield loaded
    assert loaded.heard == []  # type: ignore[attr-defined]
    loaded.emulate_media(media="screen", color_scheme="light")
    close_clip(loaded)
    loaded.click("text=Show all")


def choose(page: "Page", name: str, value: str) -> list[str]:
    """Choose in a filter; the clips on the sheet after that."""
    page.select_option(f"#filters [name={name}]", value)
    return shown(page)


def shown(page: "Page") -> list[str]:
    """The clips on the sheet."""
    clips: list[str] = page.eval_on_selector_all(
        "#sheet .cell", "cells => cells.map((cell) => cell.dataset.clip)"
    )
    return clips


def open_clip(page: "Page", clip_id: str) -> None:
    page.click(f"[data-clip={clip_id}]")
    page.wait_for_selector("#frame img")


def close_clip(page: "Page") -> None:
    """Close the dialog. The browser says so to the page a moment later; the address shows that it did."""
    page.keyboard.press("Escape")
    page.wait_for_function("!location.hash.includes('clip=')")


def test_it_opens_from_disk_and_loads_nothing_from_the_network(page: "Page", reported: Path) -> None:
    here = reported.as_uri()
    assert len(page.asked) > 10  # type: ignore[attr-defined]
    assert [url for url in page.asked if not url.startswith((here, "data:"))] == []  # type: ignore[attr-defined]
    assert "http" not in (reported / "report" / "index.html").read_text()
    assert page.text_content("section.numbers") is not None
    assert page.inner_text("#count") == "96 of 96 clips"


def test_every_chart_is_drawn_with_its_thresholds(page: "Page") -> None:
    page.wait_for_selector(DRAWN)
    figures = page.locator("[data-figure]")
    assert figures.count() == 5 + 7 + 2
    assert page.locator("[data-figure] svg").count() == figures.count()
    rules = {
        name: page.locator(f"[data-figure=measure-{name}] .mark-rule.role-mark line").count()
        for name in ("yaw_deg", "blur_px")
    }
    assert rules == {"yaw_deg": 2, "blur_px": 1}
    labels = page.eval_on_selector_all(
        "[data-figure][role=graphics-document]", "all => all.map((one) => one.getAttribute('aria-label'))"
    )
    assert len(labels) == figures.count()
    assert all(labels)
    assert "Turn of the head, degrees: kept and dropped clips; threshold -45 and 45" in labels


def test_filters_leave_the_clips_that_are_asked_for(page: "Page") -> None:
    assert choose(page, "reason", "face_turned_away") == ["c0100"]
    assert page.inner_text("#count") == "1 of 96 clips"
    choose(page, "reason", "all")
    faceless = choose(page, "outcome", "dropped")
    assert len(faceless) == 14
    assert choose(page, "film", "f0.mp4") == ["c0007"]
    page.click("text=Show all")
    assert page.inner_text("#count") == "96 of 96 clips"
    assert choose(page, "order", "most turned first")[0] == "c0100"
    page.click("[data-reason=label_tie]")
    assert shown(page) == ["c0101"]


def test_a_click_on_a_film_s_bar_shows_its_clips(page: "Page") -> None:
    page.wait_for_selector(DRAWN)
    page.locator("[data-figure=films] .mark-rect path").first.click()
    assert page.input_value("#filters [name=film]") == "f0.mp4"
    assert page.inner_text("#count") == "12 of 96 clips"


def test_a_tooltip_shows_its_words_on_a_plain_ground(page: "Page") -> None:
    page.wait_for_selector(DRAWN)
    bar = page.locator("[data-figure=funnel] .mark-rect path").first
    bar.scroll_into_view_if_needed()
    bar.hover()
    page.wait_for_selector("#vg-tooltip-element.visible td.key")
    looks = page.eval_on_selector_all(
        "#vg-tooltip-element td.key",
        """keys => keys.map((key) => [
            key.textContent, getComputedStyle(key).backgroundColor, key.scrollWidth <= key.clientWidth,
        ])""",
    )
    plain = "rgba(0, 0, 0, 0)"
    assert looks == [[word, plain, True] for word in ("stage", "outcome", "rows", "why")]
    page.mouse.move(0, 0)


def test_the_head_names_the_build_its_version_its_date_and_its_command(page: "Page", reported: Path) -> None:
    head = page.inner_text("header")
    assert head.startswith(f"Dataset report: {reported.parent.name}\n")
    day = datetime.fromtimestamp((reported / "report" / "index.html").stat().st_mtime)
    assert f"; emodal {version('emodal')}; {day.day} {day:%B} {day.year}" in head
    page.click("#how summary")
    assert page.inner_text("#how code") == COMMAND
    page.click("#how summary")


def test_clips_are_found_by_annotator_speaker_person_and_words(page: "Page") -> None:
    assert choose(page, "annotator", "ben") == ["c0000", "c0101"]
    choose(page, "annotator", "all")
    assert choose(page, "speaker", "s3") == [f"c03{n:02}" for n in range(12)]
    choose(page, "speaker", "all")
    page.fill("#filters [name=text]", "ANGRY 1, sad 1")
    assert shown(page) == ["c0000"]
    page.fill("#filters [name=text]", "line 15: YES")
    assert shown(page) == ["c0103"]
    page.fill("#filters [name=text]", "")
    # The faces of persons 1 to 4 take turns, and every eighth has none.
    texts = page.eval_on_selector_all("#persons-sheet .cell", "all => all.map((one) => one.innerText)")
    assert texts == [
        f"Person {number}\n{clips} clips" for number, clips in ((1, 24), (2, 24), (3, 24), (4, 12))
    ]
    page.click("#persons-sheet [data-person='4']")
    assert page.input_value("#filters [name=person]") == "4"
    assert shown(page) == [
        f"c{film:02}{n:02}" for film in range(8) for n in range(12) if (12 * film + n) % 8 == 3
    ]


def test_a_table_shows_the_chosen_columns_and_is_ordered_by_its_titles_both_ways(page: "Page") -> None:
    page.check("#as-table")
    first = page.locator("#sheet tbody tr").first
    assert first.locator("td").all_inner_texts()[1:6] == ["f0.mp4", "0", "1", "angry", "angry 1, sad 1"]
    page.click("#chosen-columns summary")
    page.uncheck("#chosen-columns [value=film]")
    page.check("#chosen-columns [value=carried_text]")
    titles = page.locator("#sheet thead th").all_inner_texts()
    assert "Film" not in titles
    assert "text" in titles
    assert first.locator("[data-column=carried_text]").inner_text() == "Line 0: yes"
    ordered = {}
    for way in ("ascending", "descending"):
        page.click("#sheet th [data-column=yaw_deg]")
        assert page.get_attribute("#sheet th:has([data-column=yaw_deg])", "aria-sort") == way
        page.click("[aria-label='Next page']")
        ordered[way] = shown(page)
        page.click("[aria-label='Previous page']")
    faceless = [f"c{film:02}{n:02}" for film in range(8) for n in range(12) if (12 * film + n) % 8 == 7]
    assert ordered["ascending"][-12:] == ordered["descending"][-12:] == faceless
    assert ordered["descending"][-13] == "c0100"  # the most negative turn
    page.click("#sheet th [data-column=carried_text]")
    assert shown(page)[:3] == ["c0000", "c0001", "c0002"]  # line 2 before line 10
    address = page.url
    page.click("text=Show all")
    page.evaluate("address => location.replace(address)", address)
    page.wait_for_function("document.querySelector('#filters [name=order]').value === 'carried_text'")
    assert page.locator("#sheet thead th").all_inner_texts()[-1] == titles[-1]
    assert "Film" not in page.locator("#sheet thead th").all_inner_texts()
    page.click("#sheet [data-clip=c0001]")
    page.wait_for_selector("#frame img")
    page.keyboard.press("d")
    close_clip(page)
    assert page.evaluate("document.activeElement.dataset.clip") == "c0001"
    assert page.inner_text("tr:has([data-clip=c0001]) [data-column=decision]") == "drop"
    page.click("#undo-all")
    assert page.inner_text("tr:has([data-clip=c0001]) [data-column=decision]") == ""
    page.goto(page.url.split("#")[0] + "#columns=")
    page.check("#as-faces")


def bars(page: "Page", figures: Sequence[str]) -> list[float]:
    """The sum of what the bars of each chart count, of the clips that pass the filters."""
    page.evaluate("dispatchEvent(new Event('beforeprint'))")  # counts in the charts that are out of sight too
    sums: list[float] = page.evaluate(
        """figures => figures.map((figure) =>
            emodal.figures.view(figure).data("left").reduce((sum, row) => sum + row.clips, 0))""",
        figures,
    )
    return sums


def test_a_range_drawn_over_a_histogram_filters_clips_and_charts_together(page: "Page") -> None:
    page.wait_for_selector(DRAWN)
    charts = ("measure-sharpness", "measure-yaw_deg", "classes", "film-classes", "column-1")
    assert bars(page, charts) == [84, 84, 82, 82, 82]
    chart = page.locator("[data-figure=measure-sharpness] .layer_0_marks").first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.25 * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.4 * box["width"], middle, steps=3)
    page.mouse.move(box["x"] + box["width"], middle, steps=3)
    page.mouse.up()
    page.wait_for_function("/sharpness=[0-9.]+[.][.]$/.test(location.hash)")  # up to the edge: no upper end
    # Sharpness grows from clip to clip: about the lowest quarter is gone, and so are the clips without a face.
    low = float(page.url.split("sharpness=")[1].split("..")[0])
    sharp = [n for n, value in enumerate(np.linspace(0.2, 0.21, 96)) if n % 8 != 7 and value >= low]
    left = len(sharp)
    assert 60 <= left <= 66
    assert shown(page) == [f"c{n // 12:02}{n % 12:02}" for n in sharp[:60]]
    assert [page.inner_text(place) for place in ("#count", "#back")] == [f"{left} of 96 clips"] * 2
    in_sight = page.locator("[data-figure=measure-yaw_deg] .layer_1_marks path").first.element_handle()
    page.wait_for_function("bar => bar.getBoundingClientRect().height < 85", arg=in_sight)
    assert bars(page, charts) == [left] * 5  # the two that were dropped are not so sharp
    address = page.url
    page.click("#ranges button")
    assert page.inner_text("#count") == "96 of 96 clips"
    assert bars(page, charts) == [84, 84, 82, 82, 82]
    page.evaluate("address => location.replace(address)", address)
    page.wait_for_selector("#ranges button")
    assert page.inner_text("#count") == f"{left} of 96 clips"
    page.wait_for_function("emodal.figures.view('measure-sharpness').signal('brush').low?.length === 2")


def test_a_range_can_be_written_instead_of_drawn(page: "Page") -> None:
    page.wait_for_selector(DRAWN)
    page.select_option("#filters [name=measure]", "yaw_deg")
    page.fill("#filters [name=high]", "-45")
    assert shown(page) == ["c0100"]
    assert page.inner_text("#ranges") == "Turn of the head, degrees: ≤ -45 ✕"
    page.fill("#filters [name=high]", "")
    page.select_option("#filters [name=measure]", "carried_heard")
    page.fill("#filters [name=low]", "6")
    assert shown(page)[:3] == ["c0006", "c0101", "c0108"]
    assert page.url.endswith("#carried_heard=6..")


def test_the_address_has_the_filters_and_the_open_clip(browser: "Browser", reported: Path) -> None:
    page = opened(browser, reported)
    choose(page, "film", "f1.mp4")
    choose(page, "order", "most turned first")
    page.check("#filters [name=reverse]")
    page.fill("#filters [name=text]", "angry")
    count, address = page.inner_text("#count"), page.url
    open_clip(page, "c0108")
    linked = page.url
    assert page.get_attribute("#link", "href") == "#clip=c0108"
    close_clip(page)
    assert page.url == address
    page.goto("about:blank")
    page.goto(linked)
    page.wait_for_selector("#frame img")
    assert page.inner_text("#facts").endswith("c0108")
    close_clip(page)
    assert (page.inner_text("#count"), page.url) == (count, address)
    assert page.input_value("#filters [name=order]") == "most turned first"
    assert page.is_checked("#filters [name=reverse]")
    page.click("text=Show all")
    assert page.url.endswith("/index.html")
    page.goto(f"{page.url}#film=gone.mp4&label=sad")
    assert page.input_value("#filters [name=film]") == "all"
    assert page.input_value("#filters [name=label]") == "sad"
    assert page.heard == []  # type: ignore[attr-defined]
    page.close()


def test_measures_with_one_value_are_a_table_and_no_charts(page: "Page") -> None:
    text = page.text_content("#quality details")
    assert text is not None
    assert "measures with one value in all clips" in text
    assert "Length of the clip, seconds1" in text
    assert page.locator("[data-figure=measure-seconds]").count() == 0


def test_after_the_download_comes_the_command_that_applies_the_decisions(
    browser: "Browser", reported: Path
) -> None:
    context = browser.new_context(viewport=WIDE, permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto((reported / "report" / "index.html").as_uri())
    open_clip(page, "c0000")
    page.keyboard.press("d")
    close_clip(page)
    assert not page.is_visible("#after-download")
    with page.expect_download():
        page.click("#download")
    wanted = f"{COMMAND} --overrides overrides.csv"
    assert page.inner_text("#after-download code") == wanted
    page.click("#after-download button")
    page.wait_for_selector("text=Copied")
    assert page.evaluate("navigator.clipboard.readText()") == wanted
    context.close()


def test_pages_turn_over_all_clips(page: "Page") -> None:
    first = choose(page, "outcome", "all")
    assert (len(first), page.inner_text("#pager span")) == (60, "page 1 of 2")
    page.click("[aria-label='Next page']")
    second = shown(page)
    assert len(second) == 36
    assert not set(first) & set(second)
    assert page.is_disabled("[aria-label='Next page']")


def test_a_clip_shows_its_frame_with_the_box_its_measures_and_its_sound(page: "Page") -> None:
    open_clip(page, "c0100")
    assert page.inner_text("#clip-title") == "f1.mp4, 0:00.00–0:01.00"
    assert (
        page.eval_on_selector("#frame img", "image => image.decode().then(() => image.naturalWidth)") == 128
    )
    box = page.locator("#frame i").evaluate("box => [box.style.left, box.style.width]")
    assert box == ["1.56%", "31.25%"]  # 10 to 210 of 640 pixels
    seconds = page.eval_on_selector(
        "audio",
        """audio => new Promise((resolve) => {
            if (audio.readyState) resolve(audio.duration);
            audio.onloadedmetadata = () => resolve(audio.duration);
            audio.onerror = () => resolve("cannot be played");
        })""",
    )
    assert seconds == pytest.approx(1.0, abs=0.05)
    assert page.inner_text("#measures td.bad") == "-61.5"
    assert "dropped: face_turned_away" in page.inner_text("#facts")
    page.keyboard.press("p")
    page.wait_for_function("document.querySelector('audio').currentTime > 0")


def test_a_clip_shows_the_faces_that_were_followed_with_the_curves_of_mouth_and_voice(page: "Page") -> None:
    open_clip(page, "c0000")
    tracks = page.locator("#tracks .track")
    assert tracks.locator("figcaption").all_inner_texts() == [
        "Face 1: speaks with probability 0.04",
        "Face 2, that of the clip: speaks with probability 0.90",
    ]
    assert page.locator("#tracks .chosen .mouth").count() == 2  # a gap where it was not seen
    (still,) = page.locator("#tracks :not(.chosen) > svg .mouth").all()
    heights = {point.split(",")[1] for point in (still.get_attribute("points") or "").split()}
    assert heights == {
        "51.0"
    }  # the smallest opening is the bottom of the curve, also if closed lips are apart
    assert page.locator("#tracks .times").all_inner_texts() == ["0.00 s\n1.00 s"]
    places = page.eval_on_selector_all(
        ".strip", "all => all.map((one) => getComputedStyle(one).backgroundPositionY)"
    )
    assert places == ["0%", "100%"]
    page.keyboard.press("p")
    page.wait_for_function("document.querySelector('#tracks .now').getAttribute('x1') > 100")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelectorAll('#tracks .track').length === 0")


def test_a_clip_without_a_face_shows_the_frame_where_none_was_found(page: "Page") -> None:
    open_clip(page, "c0007")
    assert page.locator("#frame i").count() == 0
    assert page.locator("audio").count() == 1


def test_arrows_go_from_clip_to_clip_and_escape_back_to_where_one_was(page: "Page") -> None:
    open_clip(page, "c0000")
    assert page.is_disabled("#before")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#facts").endswith("c0002")
    page.keyboard.press("ArrowLeft")
    close_clip(page)
    assert not page.is_visible("#clip")
    assert page.evaluate("document.activeElement.dataset.clip") == "c0001"


def test_a_hostile_film_name_is_only_text(page: "Page") -> None:
    from tests.presentation.conftest import HOSTILE_NAME

    choose(page, "film", HOSTILE_NAME)
    open_clip(page, "c0700")
    assert page.inner_text("#clip-title").startswith(HOSTILE_NAME)
    assert page.title().startswith("Dataset report: ")


def test_another_feature_is_drawn_when_chosen(page: "Page") -> None:
    def drawn() -> str:
        return page.locator("[data-figure=feature] .mark-rect").first.inner_html()

    page.wait_for_selector(DRAWN)
    before = drawn()
    assert page.locator("#feature option").count() == 68
    page.select_option("#feature", index=40)
    page.wait_for_function(
        "before => document.querySelector('[data-figure=feature] .mark-rect')?.innerHTML !== before",
        arg=before,
    )
    assert drawn() != before


def test_decisions_are_kept_and_downloaded_as_overrides(
    browser: "Browser", reported: Path, tmp_path: Path
) -> None:
    context = browser.new_context(viewport=WIDE)
    page = context.new_page()
    page.goto((reported / "report" / "index.html").as_uri())
    assert not page.is_visible("#review")
    open_clip(page, "c0000")
    page.check("#choices [value=drop]")
    page.fill("#note", 'two people, "both" talk')
    page.keyboard.press("Tab")
    close_clip(page)
    open_clip(page, "c0002")
    page.keyboard.press("1")  # angry
    page.keyboard.press("ArrowRight")
    page.keyboard.press("d")
    page.keyboard.press("0")  # on second thoughts
    close_clip(page)
    assert page.inner_text("#decisions") == "Decided: 1 to drop, 1 to relabel."
    page.reload()
    assert page.inner_text("#decisions") == "Decided: 1 to drop, 1 to relabel."
    assert choose(page, "decision", "drop") == ["c0000"]
    assert "decided: drop" in str(page.get_attribute("[data-clip=c0000]", "aria-label"))
    with page.expect_download() as download:
        page.click("#download")
    assert download.value.suggested_filename == "overrides.csv"
    download.value.save_as(tmp_path / "overrides.csv")
    with (tmp_path / "overrides.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == [
            {"clip_id": "c0000", "film": "f0.mp4", "start": "0", "end": "1"}
            | {"decision": "drop", "label": "", "author": "", "note": 'two people, "both" talk'},
            {"clip_id": "c0002", "film": "f0.mp4", "start": "2", "end": "3"}
            | {"decision": "relabel", "label": "angry", "author": "", "note": ""},
        ]
    page.click("#undo-all")
    assert not page.is_visible("#review")
    context.close()


def answer(label: str, to: str, doubt: float, is_suspect: bool) -> dict[str, Any]:
    """What a training says of a clip."""
    shares = {"label_probability": 0.04, "answer_probability": 0.83}
    return {"label": label, "answer": to, "doubt": doubt, "is_suspect": is_suspect, **shares}


def test_suspect_labels_come_first_with_the_answer_beside_them_until_they_are_decided(
    browser: "Browser", reported: Path, tmp_path: Path
) -> None:
    dataset = tmp_path / "dataset"
    shutil.copytree(reported, dataset)
    # Clips 0, 1, 2 and 3 of a film are angry, happy, neutral and sad.
    answers = {
        "c0001": answer("happy", "sad", 0.4, True),
        "c0002": answer("neutral", "angry", 0.9, True),
        "c0003": answer("sad", "sad", -0.3, False),
        "c0004": answer("happy", "angry", 0.8, True),  # is angry by now
        "c0007": answer("sad", "happy", 0.7, True),  # has no face, and was dropped
    }
    write_training(dataset, "../../model/report/index.html", answers, "0" * 64)
    page = opened(browser, dataset)
    text = page.inner_text("#training")
    assert "confidently answer another class for 2 labels" in text
    assert "They were trained on an earlier version of this dataset." in text
    assert page.get_attribute("#training a", "href") == "../../model/report/index.html"
    page.click("#training button")
    assert shown(page) == ["c0002", "c0001"]
    assert "angry?" in page.inner_text("[data-clip=c0002]")
    assert choose(page, "label_is", "not suspect") == ["c0003"]
    page.click("text=Show all")
    assert choose(page, "order", "most doubtful first")[:3] == ["c0002", "c0001", "c0003"]
    open_clip(page, "c0002")
    assert "angry 83 % (neutral 4 %)" in page.inner_text("#facts")
    close_clip(page)
    page.goto((dataset / "report" / "index.html").as_uri() + "#clip=c0004")
    page.wait_for_selector("#frame img")
    assert page.inner_text("#facts").endswith("c0004")
    assert "angry 83 % (happy 4 %, its label in training)" in page.inner_text("#facts")
    assert page.heard == []  # type: ignore[attr-defined]
    page.close()


def test_a_report_without_a_training_says_nothing_of_one(page: "Page") -> None:
    assert page.inner_text("#training") == ""
    assert "most doubtful first" not in page.inner_text("#filters [name=order]")
    assert page.locator("#filters [name=label_is]").count() == 0


@pytest.mark.parametrize(("scheme", "viewport"), [("light", WIDE), ("dark", PHONE)], ids=["wide", "phone"])
def test_nothing_keeps_anybody_out_in_the_light_or_on_a_phone_in_the_dark(
    browser: "Browser", reported: Path, scheme: str, viewport: dict[str, int]
) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing"
    )
    page = opened(browser, reported, color_scheme=scheme, viewport=viewport)
    page.wait_for_selector(DRAWN)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert page.evaluate(CUT) == []
    page.check("#as-table")
    page.click("#chosen-columns summary")
    page.select_option("#filters [name=measure]", "yaw_deg")
    page.fill("#filters [name=low]", "-80")
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    found = axe.Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.click("text=Show all")
    page.check("#as-faces")
    open_clip(page, "c0000")
    page.wait_for_selector("#tracks .track")
    assert page.evaluate(
        "document.getElementById('clip').scrollWidth <= document.getElementById('clip').clientWidth"
    )
    found = axe.Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.close()


def test_charts_follow_the_reader_to_the_dark(page: "Page") -> None:
    page.wait_for_selector(DRAWN)
    colour = "document.querySelector('[data-figure=classes] .role-axis-label text').getAttribute('fill')"
    light = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"{colour} !== '{light}'")
    page.wait_for_selector(DRAWN)


def test_on_paper_the_tables_are_open_and_the_controls_are_gone(page: "Page") -> None:
    page.wait_for_selector(DRAWN)
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert not page.is_visible("#filters")
    assert page.is_visible("#films details table")
    assert page.pdf().startswith(b"%PDF")
