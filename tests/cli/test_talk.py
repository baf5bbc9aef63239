"""What a run says on standard error: plain lines, warnings only, or a live view."""

from __future__ import annotations

import io
import re
import sys

import pytest

from ssbtomo.events import Progress, StageDone, StageSkipped, StageStarted, Warned
from ssbtomo.talk import Lines, Live, Quiet, said, talker

RUN = [
    StageStarted("cathode", "ingest"),
    StageDone("cathode", "ingest", 1.26),
    StageSkipped("cathode", "denoise"),
    StageStarted("cathode", "segment"),
    Progress("cathode", "segment", 1, 4),
    Warned("cathode", "phases [void] overlap"),
    StageDone("cathode", "segment", 0.04),
    StageStarted("", "report"),
    StageDone("", "report", 2.0),
]


class Terminal(io.StringIO):
    """A file that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def told(talk, events=RUN):
    with talk as tell:
        for event in events:
            tell(event)


def test_plain_lines_say_each_event_once():
    stream = io.StringIO()
    told(Lines(stream))
    assert stream.getvalue().splitlines() == [
        "cathode: ingest ...",
        "cathode: ingest done in 1.3 s",
        "cathode: denoise was done before",
        "cathode: segment ...",
        "warning: cathode: phases [void] overlap",
        "cathode: segment done in 0.0 s",
        "report ...",
        "report done in 2.0 s",
    ]


def test_plain_lines_tell_progress_every_ten_seconds(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("ssbtomo.talk.time.monotonic", lambda: now[0])
    stream = io.StringIO()
    tell = Lines(stream)
    tell(StageStarted("a", "quantify"))
    for done in range(1, 26):
        now[0] += 1.0
        tell(Progress("a", "quantify", done, 25))
    assert stream.getvalue().splitlines()[1:] == ["a: quantify: 10 of 25", "a: quantify: 20 of 25"]


def test_progress_says_how_fast_and_how_long():
    assert said(Progress("a", "denoise", 3, 9, 2.0, 3.0)) == (
        "a: denoise: 3 of 9, 2 per second, 3 s left"
    )
    assert said(Progress("a", "denoise", 3, 9, 0.025, 240.4)).endswith("40 s each, 4 min 00 s left")
    assert said(Progress("a", "denoise", 3, 9, 0.01, 7260)).endswith("2 h 01 min left")


def test_quiet_says_warnings_only():
    stream = io.StringIO()
    told(Quiet(stream))
    assert stream.getvalue() == "warning: cathode: phases [void] overlap\n"


def test_a_warning_of_the_whole_run_names_no_sample():
    assert said(Warned("", "the disk is slow")) == "warning: the disk is slow"


@pytest.fixture
def use_terminal(monkeypatch):
    """Put a terminal in the place of standard error, which pytest sets anew for each test."""

    def use() -> Terminal:
        stream = Terminal()
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setenv("COLUMNS", "80")
        return stream

    return use


def test_the_live_view_leaves_a_line_per_event_and_a_usable_terminal(use_terminal):
    terminal = use_terminal()
    told(Live())
    shown = terminal.getvalue()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    for line in ("cathode: ingest done in 1.3 s", "cathode: denoise was done before",
                 "warning: cathode: phases [void] overlap", "report done in 2.0 s"):  # fmt: skip
        assert line in text
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") >= 1  # the cursor is back


def test_the_live_view_moves_its_bar(use_terminal):
    use_terminal()
    live = Live()
    with live as tell:
        tell(StageStarted("a", "quantify"))
        (bar,) = live.bars.tasks
        assert bar.total is None
        tell(Progress("a", "quantify", 3, 12))
        assert (live.bars.tasks[0].completed, live.bars.tasks[0].total) == (3, 12)
        tell(StageDone("a", "quantify", 1.0))
        assert live.bars.tasks == []
        tell(Progress("a", "quantify", 4, 12))  # late news of a stage that ended


def test_the_live_view_gives_the_terminal_back_after_an_error(use_terminal):
    terminal = use_terminal()

    def fails():
        with Live() as tell:
            tell(StageStarted("a", "segment"))
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fails()
    assert terminal.getvalue().rfind("\x1b[?25h") > terminal.getvalue().rfind("\x1b[?25l")


def test_the_talker_fits_where_it_speaks(use_terminal, monkeypatch):
    use_terminal()
    assert isinstance(talker(), Live)
    assert isinstance(talker(quiet=True), Quiet)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert type(talker()) is Lines
