"""Sentences reach the task unchanged."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from ilp_models.cli.settings import quote_sentences


@pytest.mark.parametrize(
    "sentence",
    [
        "all checks passed, read on 3 May",
        "coverage differs by 14 %, discussed on 3 May with the panel",
        "audited with audit.land_share=0.1",
        "the panel's word, and ours",
        "see minutes (item 4): agreed",
        "Example Reviewer (simulation)",
        "a sentence without marks",
    ],
)
def test_a_sentence_is_not_changed(sentence):
    (word,) = quote_sentences([f"reason={sentence}"])
    assert OverridesParser.create().parse_override(word).value() == sentence


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
def test_hydra_syntax_is_not_changed(word):
    assert quote_sentences([word]) == (word,)
