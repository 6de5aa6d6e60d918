"""Draws docs/report.webp from a build: the clips of its report in light mode, and one clip in dark mode.

`python scripts/report_picture.py demo/build docs/report.webp` (needs playwright and a Chromium on the machine)
"""

import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

EDGE_PX = 16


def main() -> None:
    """Take both pictures and put them side by side."""
    report = (Path(sys.argv[1]) / "dataset" / "report" / "index.html").resolve().as_uri()
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        clips = picture(opened(browser, report, 860, "light").locator("section#clips").screenshot())
        page = opened(browser, report, 760, "dark")
        page.locator("#sheet button").nth(2).click()
        page.wait_for_timeout(1000)
        clip = picture(page.locator("dialog[open]").screenshot())[6:-6, 6:-6]  # without its border
        browser.close()
    height = max(clips.shape[0], clip.shape[0]) + 2 * EDGE_PX
    sheet = np.hstack([framed(clips, height), framed(clip, height)])
    cv2.imwrite(sys.argv[2], sheet, [cv2.IMWRITE_WEBP_QUALITY, 90])


def opened(browser: Browser, url: str, width_px: int, scheme: str) -> Page:
    """The report in a window of this width, with all charts drawn."""
    context = browser.new_context(
        viewport={"width": width_px, "height": 1400},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("body[data-drawn=all]", timeout=60_000)
    return page


def picture(png: bytes) -> np.ndarray:
    """(h, w, 3) BGR."""
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)


def framed(part: np.ndarray, height: int) -> np.ndarray:
    """The part at the top of a sheet of its own background."""
    sheet = np.full((height, part.shape[1] + 2 * EDGE_PX, 3), part[1, 1], np.uint8)
    sheet[EDGE_PX : EDGE_PX + part.shape[0], EDGE_PX : EDGE_PX + part.shape[1]] = part
    return sheet


if __name__ == "__main__":
    main()
