"""Errors that cross processes, the stop switch, and one colour per phase."""

from __future__ import annotations

import pickle
import re
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssbtomo import errors
from ssbtomo.events import (
    Pace,
    Progress,
    StageDone,
    StageSkipped,
    StageStarted,
    Warned,
    check_cancelled,
)
from ssbtomo.palette import ROLES, phase_colors

KINDS = [getattr(errors, name) for name in errors.__all__]


@pytest.mark.parametrize("kind", KINDS)
@given(problem=st.text(max_size=40), hint=st.text(max_size=40))
def test_errors_come_back_from_another_process_as_they_were(kind, problem, hint):
    error = pickle.loads(pickle.dumps(kind(problem, hint=hint)))
    assert type(error) is kind
    assert (error.problem, error.hint) == (problem, hint)
    assert str(error) == str(kind(problem, hint=hint))


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_ours_and_refines_a_builtin(kind):
    assert issubclass(kind, errors.SsbtomoError)
    plain = {Exception, BaseException, object}
    builtin = [base for base in kind.__mro__ if base.__module__ == "builtins"]
    assert kind is errors.SsbtomoError or set(builtin) - plain


def test_an_error_says_the_problem_then_what_to_do():
    assert str(errors.UnitError("no unit", hint="add nm")) == "no unit\n  -> add nm"
    assert str(errors.UnitError("no unit")) == "no unit"


def test_problem_and_hint_are_not_taken_for_an_errno_and_its_text():
    error = errors.OutputError("the disk is full", hint="free some")
    assert (error.errno, error.strerror) == (None, None)
    assert str(error) == "the disk is full\n  -> free some"


@pytest.mark.parametrize(
    "event",
    [
        StageStarted("a", "ingest"),
        Progress("a", "ingest", 1, 2),
        StageDone("a", "ingest", 0.1),
        StageSkipped("a", "ingest"),
        Warned("a", "noisy"),
    ],
)
def test_events_can_be_sent_to_another_process(event):
    assert pickle.loads(pickle.dumps(event)) == event


def test_a_set_switch_stops_and_others_do_not():
    switch = threading.Event()
    check_cancelled(None)
    check_cancelled(switch)
    switch.set()
    with pytest.raises(errors.CancelledError) as raised:
        check_cancelled(switch)
    assert "start it again" in raised.value.hint


roles = st.sampled_from(sorted(ROLES))


@given(st.lists(roles, max_size=7))
def test_seven_phases_never_share_a_colour(drawn):
    # Six spare colours and one for the role are there whatever the roles are.
    colors = phase_colors((f"phase {k}", role) for k, role in enumerate(drawn))
    assert len(set(colors.values())) == len(drawn)
    assert all(re.fullmatch("#[0-9a-f]{6}", color) for color in colors.values())


@given(st.permutations(sorted(ROLES)))
def test_each_role_has_its_own_colour_in_any_order(order):
    assert phase_colors((role, role) for role in order) == {role: ROLES[role] for role in order}


@given(st.lists(roles, min_size=1, max_size=7))
def test_a_phase_keeps_its_colour_when_others_follow(drawn):
    named = [(f"phase {k}", role) for k, role in enumerate(drawn)]
    assert phase_colors(named[:-1]).items() <= phase_colors(named).items()


def test_the_pace_leaves_out_what_an_earlier_run_did_and_what_waited_for_compilation():
    now = [100.0]
    pace = Pace(lambda: now[0])
    assert pace(60, 100) == (None, None)
    now[0] += 500.0  # compiling
    assert pace(61, 100) == (None, None)
    now[0] += 0.5
    assert pace(62, 100) == (None, None)
    now[0] += 4.0
    assert pace(70, 100) == (2.0, 15.0)
    now[0] += 10.5
    assert pace(100, 100) == (2.6, 0.0)
    assert pace(1, 10) == (None, None)  # another part of the stage begins
    assert pace(10, 10) == (None, 0.0)


def test_units_in_which_kernels_were_compiled_tell_nothing_of_the_time_that_is_left():
    now, stamp = [0.0], [1.0]
    pace = Pace(lambda: now[0], lambda: stamp[0])
    # Twelve kinds of measures, each compiled at its first turn: 20 s for a hundredth of the work;
    # then nine times the same, at 5 s for every twelfth of a tenth.
    share = 0.0
    assert pace(0, 120, share) == (None, None)
    for done in range(1, 13):
        now[0], stamp[0], share = now[0] + 20.0, now[0] + 19.0, share + 0.1 / 12
        assert pace(done, 120, share) == (None, None)  # not 24 minutes and more
        assert pace.compiling
    told = []
    for done in range(13, 121):
        now[0], share = now[0] + 5.0, share + 0.1 / 12
        told.append(pace(done, 120, share)[1])
        assert not pace.compiling
    assert told[0] is None
    assert told[1:] == pytest.approx([5.0 * (120 - done) for done in range(14, 121)], abs=1e-6)
    now[0], stamp[0] = now[0] + 9.0, now[0]
    assert pace(120, 120, 1.0) == (1 / 5.0, pytest.approx(0, abs=1e-9))  # the same count: no news
