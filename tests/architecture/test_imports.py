import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("mlflow", "shap", "matplotlib", "lightgbm", "fairlearn", "sklearn", "pandas", "geopandas", "joblib")


def test_import_contracts_hold(tmp_path):
    # in another process, because import-linter disables every logger that exists
    script = (
        f"import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(cache_dir={str(tmp_path)!r}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("what", ["import ilp_models", "import ilp_models.cli.app"])
def test_first_import_is_light(what):
    script = f"{what}; import sys; sys.exit(', '.join(set({HEAVY}) & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", sorted((ROOT / "ilp_models").rglob("__init__.py")), ids=lambda path: path.parent.name)
def test_packages_import_none_of_their_modules(path):
    lines = path.read_text().splitlines()
    assert not [line for line in lines if line.startswith(("from ilp_models", "import ilp_models"))]
