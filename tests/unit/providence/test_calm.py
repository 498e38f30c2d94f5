"""Who has the right of way: background work asks for a pause, and gets none while a tick or its votes are on their way."""

from threading import Thread

from threet_providence.calm import Calm


def test_there_is_no_pause_while_somebody_goes_first_or_was_woken_for_it():
    calm = Calm()
    assert calm.wait_for_pause(0)
    with calm.first():
        assert not calm.wait_for_pause(0)
        with calm.first():
            pass
        assert not calm.wait_for_pause(0), "another one is still on its way"
        calm.expect()
    assert not calm.wait_for_pause(0), "the publisher was woken and does not run yet"
    calm.done()
    assert calm.wait_for_pause(0)


def test_the_next_pause_is_behind_somebody_who_went_first():
    calm, waited = Calm(), []
    with calm.first():
        pass
    assert not calm.wait_for_next_pause(0), "that one is past"
    waiting = Thread(target=lambda: waited.append(calm.wait_for_next_pause(30)))
    waiting.start()
    while waiting.is_alive():
        with calm.first():
            pass
    assert waited == [True]


def test_a_pause_comes_also_where_the_work_that_went_first_failed():
    calm = Calm()
    try:
        with calm.first():
            raise OSError("the disk")
    except OSError:
        pass
    assert calm.wait_for_pause(0)
