"""An error is one message in three parts, and carries the exit code of a command."""

import pickle

import pytest

from phase6c import errors
from phase6c.errors import InterruptedStudyError, Phase6cError

CODES = {
    "Phase6cError": 1,
    "ConfigError": 2,
    "DataError": 65,
    "ResourceError": 69,
    "StudyFailedError": 70,
    "FolderError": 73,
    "StorageError": 74,
}


@pytest.mark.parametrize(("name", "code"), CODES.items())
def test_each_error_has_the_exit_code_of_the_contract(name, code):
    assert getattr(errors, name)("a rule").exit_code == code


def test_no_error_is_without_an_exit_code():
    kinds = {one.__name__ for one in [Phase6cError, *Phase6cError.__subclasses__()]}
    assert kinds == {*CODES, "InterruptedStudyError"}


def test_the_message_is_rule_value_and_remedy():
    assert str(Phase6cError("It must hold", 7, "Do this.")) == "It must hold; found: 7. Do this."
    assert str(Phase6cError("It must hold", 0)) == "It must hold; found: 0."
    assert str(Phase6cError("It must hold", remedy="Do this.")) == "It must hold. Do this."
    assert str(Phase6cError("It must hold")) == "It must hold."


@pytest.mark.parametrize("name", CODES)
def test_errors_come_back_from_workers_as_they_were(name):
    error = getattr(errors, name)("It must hold", "this", "Do that.")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (type(copy), str(copy)) == (type(error), str(error))


def test_an_interruption_keeps_its_exit_code_when_it_is_pickled():
    error = InterruptedStudyError("It was ended", "signal 15", "Go on.", 143)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (copy.exit_code, str(copy)) == (143, str(error))
