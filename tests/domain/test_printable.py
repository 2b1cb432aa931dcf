import sys
import unicodedata

import pytest

from ilp_models.domain.printable import printable

HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")


@pytest.mark.parametrize("lines", [True, False])
def test_every_character_of_unicode_stays_or_is_an_escape(lines):
    kept = "\u200c\u200d" + ("\n\t" if lines else "")
    for code in range(sys.maxunicode + 1):
        sign = chr(code)
        escape = f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
        stays = sign in kept or unicodedata.category(sign) not in HIDDEN
        assert printable(sign, lines=lines) == (sign if stays else escape)


def test_one_character_does_not_change_how_others_are_written():
    assert printable("a\x1bé\u202e\xa0 \u200d") == "a\\x1bé\\u202e\xa0 \u200d"
    assert printable(5) == "5"
