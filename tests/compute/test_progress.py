from types import SimpleNamespace

from ilp_models.compute import progress


def test_away_from_a_terminal_a_line_comes_now_and_then(monkeypatch):
    said = []
    monkeypatch.setattr(progress._LOG, "info", lambda text, *parts: said.append(text % parts))
    clock = iter([0.0, 10.0, 31.0, 32.0, 70.0])
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: False, raising=False)
    assert list(progress.show_progress("abcd", 4, "spelling")) == list("abcd")
    assert said == ["spelling: 2 of 4, about 31 s left", "spelling: 4 of 4, about 0 s left"]


def test_in_a_terminal_a_bar_shows_the_time_left(capsys, monkeypatch):
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True, raising=False)
    assert list(progress.show_progress("ab", 2, "spelling")) == ["a", "b"]
    assert "spelling" in capsys.readouterr().err
