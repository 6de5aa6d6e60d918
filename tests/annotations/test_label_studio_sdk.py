"""Tasks that Label Studio's own SDK writes and checks against a labelling configuration are read as they were meant.

The SDK needs an environment of its own (it brings another OpenCV): that of the program label-studio on the PATH.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from emodal_data.annotations import read_annotations
from tests.annotations.rows import spans_of

PROGRAM = shutil.which("label-studio")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no label-studio on the PATH")

#: Run by the SDK's interpreter; writes a list of tasks to standard output.
WRITE = """
import json
from label_studio_sdk.label_interface import LabelInterface
from label_studio_sdk.label_interface.objects import AnnotationValue, TaskValue

LABELS = "".join(f'<Label value="{name}"/>' for name in ("angry", "happy", "neutral", "sad"))
CHOICES = LABELS.replace("Label", "Choice")


def task(control, data, *regions, by=1):
    config = f"<View>{control}</View>"
    interface = LabelInterface(config)
    tag = interface.get_control("emotion")
    result = [tag.label(label=label, **value) for label, value in regions]
    annotation = AnnotationValue(completed_by=by, result=result, result_count=len(result))
    made = TaskValue(data=data, annotations=[annotation]).model_dump(mode="json")
    assert interface.validate_annotation(made["annotations"][0]), config
    return {"id": 1, **made}


video = '<Video name="video" value="$video" frameRate="$fps"/>'
audio = '<Audio name="audio" value="$audio"/>'
text = '<Paragraphs name="text" value="$text" audioUrl="$audio" layout="dialogue"/>'
script = [
    {"author": "Mia", "text": "hm", "start": 1.5, "end": 2.0},
    {"author": "Vincent", "text": "so", "start": 2.5, "end": 4.0},
]
print(json.dumps([
    task(
        f'{video}<TimelineLabels name="emotion" toName="video">{LABELS}</TimelineLabels>',
        {"video": "/data/upload/1/1a2b3c4d-heat.mp4", "fps": 23.976},
        ("angry", {"ranges": [{"start": 1, "end": 24}]}),
        ("happy", {"ranges": [{"start": 25, "end": 48}, {"start": 73, "end": 96}]}),
    ),
    task(
        f'{audio}<Labels name="emotion" toName="audio">{LABELS}</Labels>',
        {"audio": "s3://films/heat.wav"},
        ("sad", {"start": 0.25, "end": 1.75}),
        by=2,
    ),
    task(
        f'{text}<ParagraphLabels name="emotion" toName="text">{LABELS}</ParagraphLabels>',
        {"audio": "talk.mp3", "text": script},
        ("neutral", {"start": "0", "end": "1", "startOffset": 0, "endOffset": 2}),
    ),
    task(
        f'{video}<Choices name="emotion" toName="video">{CHOICES}</Choices>',
        {"video": "clip.mp4", "film": "heat.mkv", "start": 12.5, "end": 14.0},
        ("sad", {}),
    ),
]))
"""


def test_timelines_sounds_paragraphs_and_choices_of_the_sdk_are_read_as_they_were_meant(
    tmp_path: Path,
) -> None:
    python = Path(str(PROGRAM)).resolve().parent / "python"
    made = subprocess.run([python, "-c", WRITE], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert made.returncode == 0, made.stderr
    (tmp_path / "export.json").write_text(made.stdout)
    rows = read_annotations(tmp_path / "export.json")
    frame_s = 1 / 23.976
    expected = [
        ("heat.mp4", 0.0, 24 * frame_s, "angry", None),
        ("heat.mp4", 24 * frame_s, 48 * frame_s, "happy", None),
        ("heat.mp4", 72 * frame_s, 96 * frame_s, "happy", None),
        ("heat.wav", 0.25, 1.75, "sad", None),
        ("talk.mp3", 1.5, 4.0, "neutral", None),
        ("heat.mkv", 12.5, 14.0, "sad", None),
    ]
    assert [row[1:] for row in spans_of(rows)] == [
        (film, pytest.approx(start_s), pytest.approx(end_s), *rest)
        for film, start_s, end_s, *rest in expected
    ]
    assert rows["annotator"].tolist() == ["1", "1", "1", "2", "1", "1"]
    assert rows["speaker"].tolist()[4] == "Mia"
    assert rows["fps"].tolist() == ["23.976"] * 3 + [""] * 3
