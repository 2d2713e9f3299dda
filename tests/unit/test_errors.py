"""Errors are English for programs, and in the reader's language where they are shown."""

import pytest

from hardway.cli import app
from hardway.errors import CommandError, ConnectError, FleetError, SpecError, StepError
from hardway.text import text, translate

SILENT = ConnectError("no answer", where="a", hint="hardway status")
REFUSED = CommandError("b", ["true"], 1, "a line\nanother one\n")


def test_where_it_happened_is_told_once() -> None:
    assert str(SILENT) == "a: no answer"
    assert (SILENT.where, SILENT.why) == ("a", "no answer")


def test_a_command_that_failed_shows_what_it_said() -> None:
    assert str(REFUSED) == "b: `true` ended with status 1\na line\nanother one"


def test_errors_of_several_machines_are_translated_each_by_itself() -> None:
    error = FleetError([SILENT, REFUSED])
    assert str(error) == f"2 machines:\n{SILENT}\n{REFUSED}"
    korean = translate(error.message, "ko")
    assert korean.splitlines()[1:] == [
        f"a: {translate('no answer', 'ko')}", translate(REFUSED.message, "ko").splitlines()[0],
        "a line", "another one",
    ]  # fmt: skip
    assert "no answer" not in korean


def test_what_is_wrong_on_a_machine_in_several_steps_stands_in_one_line() -> None:
    steps = [StepError("one", {"a": "no answer"}), StepError("two", {"a": "x", "b": "no answer"})]
    error = StepError.of(steps)
    assert error.outcomes == {"a": "no answer; x", "b": "no answer"}
    assert str(error) == "step one two does not hold:\n  a: no answer; x\n  b: no answer"
    assert "no answer" not in translate(error.message, "ko")


def test_the_program_shows_errors_in_the_language_of_the_reader(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(**_: object) -> None:
        raise SpecError([text("{machine}: no answer", machine="a"), "no answer"])

    monkeypatch.setenv("HARDWAY_LANG", "ko")
    monkeypatch.setattr(app, "cli", fails)
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == SpecError.exit_code
    shown = capsys.readouterr().err.splitlines()
    assert shown[0].startswith(translate("error: ", "ko"))
    assert shown[1] == translate("no answer", "ko")
    assert shown[2].startswith(translate("  try: ", "ko"))
