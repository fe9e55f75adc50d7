from collections.abc import Callable
from dataclasses import replace

import pytest

from simulations.moments import Moment, Terms
from simulations.report import complaints, duration, sentences
from simulations.verdict import judge, sustained_need

Story = Callable[..., tuple[Moment, ...]]


@pytest.mark.parametrize(("ahead", "n_complaints"), [(300.0, 0), (600.0, 0), (285.0, 1), (0.0, 1)])
def test_a_run_is_good_when_the_target_rose_by_the_lead_time_ahead(
    story: Story, terms: Terms, ahead: float, n_complaints: int
):
    verdict = judge(story(ahead), terms)
    assert (verdict.needed, verdict.needed_at) == (5, terms.spike_at)
    assert verdict.lead_seconds == ahead
    assert verdict.is_good is (n_complaints == 0)
    assert len(complaints(verdict)) == n_complaints


def test_capacity_is_short_from_the_need_until_pods_are_ready(story: Story, terms: Terms):
    verdict = judge(story(300.0), terms)
    assert verdict.prewarm.short_seconds == 0
    assert verdict.reactive.short_seconds == 300.0
    assert verdict.reactive.worst_shortfall == 45.0 - 20.0


def test_the_price_is_pods_times_time(story: Story, terms: Terms):
    verdict = judge(story(300.0), terms)
    more = verdict.prewarm.replica_seconds - verdict.reactive.replica_seconds
    assert more == 3 * 300.0
    assert "15 replica-minutes more" in sentences(verdict)[-1]


def test_a_target_that_stood_high_all_along_has_foreseen_nothing(story: Story, terms: Terms):
    verdict = judge(story(300.0, calm=5), terms)
    assert not verdict.is_good
    assert "nothing was foreseen" in complaints(verdict)[0]


def test_a_rise_that_was_given_up_again_does_not_count(story: Story, terms: Terms):
    moments = list(story(600.0))
    early = next(i for i, m in enumerate(moments) if m.at == terms.spike_at - 300.0)
    moments[early] = replace(
        moments[early], prewarm=replace(moments[early].prewarm, wanted=3, answered=3)
    )
    assert judge(moments, terms).lead_seconds == 285.0


def test_one_answer_under_the_floor_fails_the_run(story: Story, terms: Terms):
    moments = list(story(300.0))
    moments[7] = replace(moments[7], prewarm=replace(moments[7].prewarm, answered=1))
    assert complaints(judge(moments, terms)) == ("an answer of 1 fell under the warm floor of 2",)


def test_a_target_that_never_rose_is_named(story: Story, terms: Terms):
    verdict = judge(story(-1e9), terms)
    assert verdict.lead_seconds is None
    assert complaints(verdict)[0].startswith("the target never rose to the 5 replicas")


def test_a_noisy_reading_is_no_need(story: Story, terms: Terms):
    moments = list(story(300.0))
    moments[200] = replace(moments[200], demand=95.0)
    assert sustained_need(moments, terms) == 5


def test_a_run_that_is_too_short_is_refused(story: Story, terms: Terms):
    with pytest.raises(ValueError, match="120 s"):
        judge(story(300.0)[:8], terms)


def test_words_carry_the_figures(story: Story, terms: Terms):
    prewarm, reactive, _ = sentences(judge(story(375.0), terms))
    assert "rose to 5 replicas 6 min 15 s before demand needed them (lead time 5 min)" in prewarm
    assert "5 ready 1 min 15 s early" in prewarm
    assert "5 ready 5 min late" in reactive
    assert "for 5 min, at worst by 25 requests/s" in reactive


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0 s"),
        (45.0, "45 s"),
        (300.0, "5 min"),
        (375.0, "6 min 15 s"),
        (3_600.0, "1 h"),
        (3_720.0, "1 h 2 min"),
        (-15.0, "15 s"),
    ],
)
def test_a_duration_reads_as_a_person_says_it(seconds: float, words: str):
    assert duration(seconds) == words
