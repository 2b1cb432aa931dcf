"""Reasons as people type them reach the task as they were typed."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from ilp_models.cli.settings import as_typed


@pytest.mark.parametrize(
    "said",
    [
        "all checks passed, read on 3 May",
        "coverage differs by 14 %, discussed on 3 May with the panel",
        "audited with audit.share=0.1",
        "the panel's word, and ours",
        "see minutes (item 4): agreed",
        "a sentence without marks",
    ],
)
def test_a_sentence_arrives_as_it_was_typed(said):
    (word,) = as_typed([f"reason={said}"])
    assert OverridesParser.create().parse_override(word).value() == said


@pytest.mark.parametrize(
    "word",
    [
        "data.seed=1,2,3",
        "formats=[gpkg, geotiff]",
        "reason='quoted, already'",
        "x={a: 1, b: 2}",
        "x=choice(a, b)",
        "x=1",
    ],
)
def test_what_speaks_the_grammar_of_settings_stays(word):
    assert as_typed([word]) == (word,)
