"""The order of display by the heads of slices: as decoders show frames; stamps in another order are never sure."""

from pathlib import Path

import av
import numpy as np
import pytest
from av.packet import Packet

from emodal_data.core.reasons import Reason
from emodal_data.media import video
from emodal_data.media.h264_order import DisplayOrder
from tests.media.films import Recipe, make_film
from tests.media.test_time_rule_of_containers import in_order

RECIPES = {
    "b-pyramid": Recipe(
        frames=60, audio=None, gop=25, video_options={"x264-params": "bframes=4:b-pyramid=2"}
    ),
    "16 B-frames": Recipe(
        ".mkv",
        frames=60,
        audio=None,
        gop=50,
        video_options={"x264-params": "scenecut=0:bframes=16:b-adapt=0"},
    ),
    "open groups": Recipe(
        frames=60, audio=None, gop=12, video_options={"x264-params": "scenecut=0:open-gop=1:bframes=3"}
    ),
}


@pytest.fixture(scope="module", params=RECIPES)
def film(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_film(tmp_path_factory.mktemp("films"), RECIPES[request.param])


def packets_of(path: Path) -> tuple[bytes | None, list[tuple[int | None, bytes]]]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [(packet.pts, bytes(packet)) for packet in container.demux(stream) if packet.size]
        return stream.codec_context.extradata, packets


def keyframes_of(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        return [number for number, packet in enumerate(packets) if packet.is_keyframe]


def is_sure(extradata: bytes | None, packets: list[tuple[int | None, bytes]]) -> bool:
    order = DisplayOrder.of(extradata)
    assert order is not None
    for pts, data in packets:
        order.add(pts, memoryview(data))
    return order.is_sure


def test_true_time_stamps_are_sure_from_every_keyframe_on(film: Path) -> None:
    extradata, packets = packets_of(film)
    assert all(is_sure(extradata, packets[begin:]) for begin in keyframes_of(film))


def test_no_two_time_stamps_can_change_places(film: Path) -> None:
    extradata, packets = packets_of(film)
    random = np.random.default_rng(4)
    for _ in range(60):
        a, b = random.choice(len(packets), 2, replace=False)
        changed = list(packets)
        changed[a], changed[b] = (packets[b][0], packets[a][1]), (packets[a][0], packets[b][1])
        assert not is_sure(extradata, changed)
    equal = [*packets[:7], (packets[8][0], packets[7][1]), *packets[8:]]
    assert not is_sure(extradata, equal)
    assert not is_sure(extradata, [*packets[:7], (None, packets[7][1]), *packets[8:]])


@pytest.mark.parametrize("cut", [0, 1, 5])
def test_a_torn_packet_is_not_sure_and_raises_nothing(film: Path, cut: int) -> None:
    extradata, packets = packets_of(film)
    assert not is_sure(extradata, [*packets[:3], (packets[3][0], packets[3][1][:cut])])


def test_other_streams_are_not_known(tmp_path: Path) -> None:
    extradata, _ = packets_of(make_film(tmp_path, RECIPES["b-pyramid"]))
    assert extradata is not None
    fields = Recipe(frames=10, audio=None, video_options={"x264-params": "interlaced=1"})
    start_codes = b"\0\0\0\1" + extradata[8:]
    for other in (
        None,
        b"",
        extradata[:9],
        start_codes,
        packets_of(make_film(tmp_path, fields, "fields"))[0],
    ):
        assert DisplayOrder.of(other) is None


def test_of_frames_that_no_other_needs_only_the_wanted_is_decoded_and_answers_stay(
    film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times_s = [(k + 0.5) / 25 for k in range(1, 58, 4)]
    decode, kept = video.VideoReader._decode, []

    def watched(reader: video.VideoReader, packet: Packet, target: int, may_skip: bool) -> None:
        kept.append(not may_skip)
        decode(reader, packet, target, may_skip)

    monkeypatch.setattr(video.VideoReader, "_decode", watched)
    quick = in_order(film, times_s)
    assert quick == {t_s: int(t_s * 25) for t_s in times_s}
    assert 0 < sum(kept) <= len(times_s)
    monkeypatch.setattr(video.DisplayOrder, "of", lambda extradata: None)
    assert in_order(film, times_s) == quick
    assert sum(kept) > 3 * len(times_s)


def test_stamps_that_changed_places_are_never_answered_with_less_care(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_film(tmp_path, RECIPES["16 B-frames"], "source")
    path = tmp_path / "changed.mkv"
    with av.open(str(source)) as given, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(given.streams.video[0])
        packets = [packet for packet in given.demux(video=0) if packet.dts is not None]
        for one, other in zip(packets[3:-1:6], packets[4::6], strict=False):
            one.pts, other.pts = other.pts, one.pts
        for packet in packets:
            packet.dts = min(packet.dts, packet.pts)
            packet.stream = stream
            out.mux(packet)
    times_s = [(k + 0.5) / 25 for k in range(2, 55)]
    quick = in_order(path, times_s)
    monkeypatch.setattr(video.DisplayOrder, "of", lambda extradata: None)
    careful = in_order(path, times_s)
    assert all(isinstance(quick[t_s], Reason) or quick[t_s] == careful[t_s] for t_s in times_s)
    assert sum(isinstance(answer, Reason) for answer in quick.values()) > len(times_s) // 2
