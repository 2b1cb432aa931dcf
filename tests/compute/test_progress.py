from types import SimpleNamespace

from ilp_models.compute import progress


def test_without_a_terminal_progress_is_logged(monkeypatch):
    said = []
    monkeypatch.setattr(progress._LOG, "info", lambda text, *parts: said.append(text % parts))
    clock = iter([0.0, 10.0, 31.0, 32.0, 70.0])
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: False, raising=False)
    assert list(progress.show_progress("abcd", 4, "spelling")) == list("abcd")
    assert said == ["spelling: 2 of 4, about 31 s left", "spelling: 4 of 4, about 0 s left"]


def test_terminal_shows_a_progress_bar(capsys, monkeypatch):
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True, raising=False)
    assert list(progress.show_progress("ab", 2, "spelling")) == ["a", "b"]
    assert "spelling" in capsys.readouterr().err
