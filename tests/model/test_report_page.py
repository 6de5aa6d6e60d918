"""The report in a browser: nothing goes wrong on opening, and it is accessible in light and dark, wide and narrow."""

from pathlib import Path
from typing import Any

import pytest

from emodal_model.report import write_report
from tests.model.test_report import TEST, metrics_of, outputs_of, wrong_everywhere


@pytest.mark.parametrize(("scheme", "width_px"), [("light", 1100), ("dark", 390)])
def test_the_page_opens_without_a_complaint_and_is_accessible(
    browser: Any, tmp_path: Path, scheme: str, width_px: int
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe here")
    answers = wrong_everywhere(TEST)
    path = tmp_path / "index.html"
    write_report(path, metrics_of(answers, TEST.labels), TEST, outputs_of(answers), answers)
    page = browser.new_page(color_scheme=scheme, viewport={"width": width_px, "height": 900})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None if request.url.startswith(("file:", "data:")) else complaints.append(request.url)
        ),
    )
    page.goto(path.as_uri())
    assert complaints == []
    assert page.evaluate("document.images.length") == 12
    assert page.evaluate("[...document.images].every(image => image.naturalWidth === 128)")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    found = axe.Axe().run(page).response["violations"]
    assert [(v["id"], [node["html"] for node in v["nodes"]][:2]) for v in found] == []
