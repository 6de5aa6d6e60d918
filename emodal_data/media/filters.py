"""Sends one frame through a filter of FFmpeg."""

from typing import cast

from av.filter import Graph
from av.video.frame import VideoFrame


def filtered(frame: VideoFrame, name: str, arguments: str) -> VideoFrame:
    """What a filter makes of a frame, from this frame alone."""
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
    )
    chosen = graph.add(name, arguments)
    sink = graph.add("buffersink")
    source.link_to(chosen)
    chosen.link_to(sink)
    graph.configure()
    source.push(frame)
    source.push(None)
    return cast(VideoFrame, sink.pull())
