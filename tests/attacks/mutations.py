"""Random damage to files: what a bad disk, a careless editor or an attacker may do to their bytes."""

from hypothesis import strategies as st

TOKENS = (
    *(b"", b"\x00", b"\xff\xfe", b'"', b"'", b",", b";", b"\n", b"\r\n", b"\t", b"{", b"}", b"[", b"]"),
    *(b"null", b"true", b"false"),
    *(b"NaN", b"inf", b"-inf", b"1e999", b"-1", b"0", b"99999999999999999999", b"0x10", b"1970-01-01", b"9999-12-31"),
    *("\u202e".encode(), "\u0130".encode(), b"=1+1", b"../", b"/vsicurl/", b"\xf0\x9f\x98\x80", b"[" * 3000),
)


@st.composite
def damaged(draw, content):
    """Return the bytes after one to four cuts, insertions, repetitions or replacements."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        stop = min(len(content), start + draw(st.integers(0, 40)))
        kind = draw(st.sampled_from(("flip", "token", "cut", "repeat", "end")))
        if kind == "flip" and start < len(content):
            content = content[:start] + bytes([content[start] ^ (1 << draw(st.integers(0, 7)))]) + content[start + 1 :]
        elif kind == "token":
            content = content[:start] + draw(st.sampled_from(TOKENS)) + content[stop:]
        elif kind == "cut":
            content = content[:start] + content[stop:]
        elif kind == "repeat":
            content = content[:stop] + content[start:stop] + content[stop:]
        elif kind == "end":
            content = content[:start]
    return content
