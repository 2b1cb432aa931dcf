import hashlib

import numpy as np
import pytest

from ilp_models.domain.digest import digest_of


def test_kind_and_length_of_every_part_are_encoded():
    expected = hashlib.sha256(b"l4:s2:abb1:xnl2:s1:as1:b").hexdigest()
    assert digest_of("ab", b"x", None, ["a", "b"]) == expected


def test_an_array_is_its_type_its_shape_and_its_values():
    values = np.array([[1, 2], [3, 4]], dtype="<i2")
    expected = hashlib.sha256(b"l1:a9:<i2(2, 2)" + bytes([1, 0, 2, 0, 3, 0, 4, 0])).hexdigest()
    assert digest_of(values) == expected
    assert digest_of(values.T) != digest_of(values)
    assert digest_of(np.asfortranarray(values)) == digest_of(values)


def test_texts_are_not_joined():
    assert digest_of("a", "bc") != digest_of("ab", "c")
    assert digest_of(["a"], ["b"]) != digest_of(["a", "b"], [])


def test_other_kinds_are_refused():
    with pytest.raises(TypeError, match="not float"):
        digest_of(1.0)
